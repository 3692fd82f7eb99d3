//! CSV, as RFC 4180 has it, written row by row.

use std::io;

use super::column::Column;
use super::escape::visible;
use crate::model::Token;

/// Writes tokens as CSV.
#[derive(Debug)]
pub struct CsvWriter<W: io::Write> {
    out: csv::Writer<W>,
    columns: Vec<Column>,
    terminal: bool,
}

impl<W: io::Write> CsvWriter<W> {
    /// Begins with the head. Values are escaped only where a terminal would see them.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn begin(out: W, columns: Vec<Column>, terminal: bool) -> io::Result<Self> {
        let mut out = csv::Writer::from_writer(out);
        out.write_record(columns.iter().map(Column::name))
            .map_err(io_error)?;
        Ok(Self {
            out,
            columns,
            terminal,
        })
    }

    /// Writes a token.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn token(&mut self, token: &Token) -> io::Result<()> {
        let values = self.columns.iter().map(|column| {
            let value = column.value(token);
            if self.terminal {
                visible(&value).into_owned()
            } else {
                value
            }
        });
        self.out.write_record(values).map_err(io_error)
    }

    /// Writes what is left.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn end(mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The error underneath, so that a closed pipe is still told from a full disk.
pub(super) fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}
