//! The URL form of a connection string: `postgresql://user:password@host:port/dbname?keyword=value`.
//!
//! The rules are those of libpq's `conninfo_uri_parse_options`, which are not quite a URL's: the
//! host is percent-decoded as a whole, there are no fragments, and a `+` is a plus sign. Two texts
//! that libpq would take are refused, because a part of a password would then be shown as a host
//! or as a database, and be looked up by name: an `@` left in the host or in the path.

use super::error::ConninfoError;
use super::parameters::Parameters;
use super::prefix::PREFIXES;

const ENCODE: &str = "an `@`, `/`, `:`, `?` or `%` in a user name, a password or a database name \
                      must be percent-encoded (`@` is %40, `/` is %2F)";

/// Reads a URL; the caller has asked `is_uri`.
pub(super) fn parse(text: &str) -> Result<Parameters, ConninfoError> {
    let text = PREFIXES
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix))
        .unwrap_or(text);
    let mut parameters = Parameters::default();

    let (credentials, text) = split_credentials(text);
    if let Some((user, password)) = credentials {
        set_unless_empty(&mut parameters, "user", user)?;
        set_unless_empty(&mut parameters, "password", password)?;
    }

    let (authority, text) = split_at_any(text, &['/', '?']);
    let (hosts, ports) = split_hosts(authority)?;
    set_unless_empty(&mut parameters, "host", &hosts)?;
    set_unless_empty(&mut parameters, "port", &ports)?;

    let (path, query) = split_at_any(text, &['?']);
    let dbname = path.strip_prefix('/').unwrap_or(path);
    if dbname.contains('@') {
        return Err(ConninfoError::Url(ENCODE));
    }
    set_unless_empty(&mut parameters, "dbname", dbname)?;
    parse_query(&mut parameters, query.strip_prefix('?').unwrap_or(query))?;
    Ok(parameters)
}

/// Splits off `user:password@`, looked for up to the first slash.
fn split_credentials(text: &str) -> (Option<(&str, &str)>, &str) {
    let (before, rest) = split_at_any(text, &['@', '/']);
    match rest.strip_prefix('@') {
        Some(rest) => (Some(before.split_once(':').unwrap_or((before, ""))), rest),
        None => (None, text),
    }
}

/// Splits `host:port,host:port` into the list of hosts and the list of ports.
fn split_hosts(authority: &str) -> Result<(String, String), ConninfoError> {
    let mut hosts = Vec::new();
    let mut ports = Vec::new();
    for one in authority.split(',') {
        let (host, port) = split_host(one)?;
        hosts.push(host);
        ports.push(port);
    }
    if hosts.iter().any(|host| host.contains('@')) {
        return Err(ConninfoError::Url(ENCODE));
    }
    Ok((hosts.join(","), ports.join(",")))
}

/// Splits one `host:port`, where the host may be an IPv6 address in brackets.
fn split_host(text: &str) -> Result<(&str, &str), ConninfoError> {
    let Some(bracketed) = text.strip_prefix('[') else {
        return Ok(text.split_once(':').unwrap_or((text, "")));
    };
    let unclosed = "the `]` of an IPv6 address is missing";
    let (host, rest) = bracketed
        .split_once(']')
        .ok_or(ConninfoError::Url(unclosed))?;
    if host.is_empty() {
        return Err(ConninfoError::Url("the IPv6 address in `[]` is empty"));
    }
    match rest.strip_prefix(':') {
        Some(port) => Ok((host, port)),
        None if rest.is_empty() => Ok((host, "")),
        None => Err(ConninfoError::Url(
            "after the `]` of an IPv6 address only `:` or `/` may come",
        )),
    }
}

fn parse_query(parameters: &mut Parameters, query: &str) -> Result<(), ConninfoError> {
    let shorter = query
        .strip_suffix('&')
        .filter(|shorter| !shorter.is_empty());
    let query = shorter.unwrap_or(query);
    if query.is_empty() {
        return Ok(());
    }
    for (index, pair) in query.split('&').enumerate() {
        let (keyword, value) = pair
            .split_once('=')
            .ok_or(ConninfoError::Url("a parameter after `?` has no `=`"))?;
        if value.contains('=') {
            return Err(ConninfoError::Url(
                "an `=` in a parameter's value must be written %3D",
            ));
        }
        let (keyword, value) = (decode(keyword)?, decode(value)?);
        if (keyword.as_str(), value.as_str()) == ("ssl", "true") {
            parameters.set("sslmode", "require")?; // as JDBC writes it
        } else {
            parameters.set_numbered(&keyword, &value, index + 1)?;
        }
    }
    Ok(())
}

/// Stores a part of the URL; an empty part leaves the environment its say.
fn set_unless_empty(
    parameters: &mut Parameters,
    keyword: &str,
    encoded: &str,
) -> Result<(), ConninfoError> {
    if encoded.is_empty() {
        Ok(())
    } else {
        parameters.set(keyword, &decode(encoded)?)
    }
}

fn split_at_any<'t>(text: &'t str, ends: &[char]) -> (&'t str, &'t str) {
    text.split_at(text.find(ends).unwrap_or(text.len()))
}

fn decode(text: &str) -> Result<String, ConninfoError> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            decoded.push(hex_pair(bytes.next(), bytes.next()).ok_or(ConninfoError::Url(ENCODE))?);
        } else {
            decoded.push(byte);
        }
    }
    if decoded.contains(&0) {
        return Err(ConninfoError::Url("%00 is not allowed"));
    }
    // The error holds the bytes, which may be a password's: it ends here.
    String::from_utf8(decoded)
        .map_err(|_bytes| ConninfoError::Url("a percent-encoded part is not UTF-8"))
}

fn hex_pair(high: Option<u8>, low: Option<u8>) -> Option<u8> {
    let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}
