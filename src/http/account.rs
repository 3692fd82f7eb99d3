//! The names of this machine's users, whom the kernel tells by number.

/// A user's name; the number where the machine has no name for it.
pub(super) fn name(uid: u32) -> String {
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _password, number) = (fields.next()?, fields.next()?, fields.next()?);
        (number.parse() == Ok(uid)).then(|| name.to_owned())
    });
    named.unwrap_or_else(|| format!("uid {uid}"))
}

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn a_user_has_a_name_or_a_number() {
        assert_eq!(name(0), "root");
        assert_eq!(name(4_000_000_001), "uid 4000000001");
    }
}
