//! A request that coderd serves: it reads a key's row, and writes three columns of it back later,
//! as they were, by the id alone. Nothing of it looks at what happened to the row in between.

use super::TestDatabase;
use super::database::Session;

/// A request that has read its key's row.
pub(crate) struct Coderd {
    session: Session,
    key: String,
    copy: [String; 3],
}

/// A write-back that is over.
#[derive(Clone, Debug)]
pub(crate) struct WrittenBack {
    /// Its transaction.
    pub(crate) xid: String,
    /// By the server's clock, after its COMMIT was answered: from then on everybody sees it.
    pub(crate) over: String,
}

impl Coderd {
    /// Reads the row of a key.
    pub(crate) fn read(database: &TestDatabase, key: &str) -> Self {
        let session = database.session();
        let columns = "last_used, expires_at, host(ip_address)";
        let mut rows = session.query(&format!(
            "select {columns} from api_keys where id = '{key}'"
        ));
        let row = rows.pop().expect("the key is there").into_iter();
        let texts: Vec<String> = row.map(|text| text.expect("it is not null")).collect();
        Self {
            session,
            key: key.to_owned(),
            copy: texts.try_into().expect("they are three"),
        }
    }

    /// The same request of a key whose use extends it: it writes a new end.
    pub(crate) fn slides(mut self) -> Self {
        "2037-01-01 00:00:00+00".clone_into(&mut self.copy[1]);
        self
    }

    /// Writes the copy back: `UpdateAPIKeyByID`.
    pub(crate) fn write_back(&self) -> WrittenBack {
        let [last_used, expires_at, ip_address] = &self.copy;
        let update = format!(
            "update api_keys set last_used = '{last_used}', expires_at = '{expires_at}', \
             ip_address = '{ip_address}' where id = '{}'",
            self.key
        );
        let xid = self.session.value(&format!(
            "begin; {update}; select pg_current_xact_id()::text; commit"
        ));
        let over = self.session.value("select clock_timestamp()");
        WrittenBack { xid, over }
    }
}
