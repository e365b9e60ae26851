//! The target that a table of dependencies is for, as a predicate of `cfg`.
//!
//! `[target.'cfg(unix)'.dependencies]` holds one already. A triple, as in
//! `[target.x86_64-unknown-linux-gnu.dependencies]`, is not seen by code; its
//! architecture, system and C library are, and that tells apart what loops run on.

/// What has to hold on the target of that table.
pub(crate) fn predicate(key: &str) -> String {
    let key = key.trim();
    let inner = key
        .strip_prefix("cfg(")
        .and_then(|key| key.strip_suffix(')'));
    if let Some(inner) = inner {
        return inner.to_owned();
    }
    let (first, rest) = key.split_once('-').unwrap_or((key, ""));
    let parts: Vec<&str> = rest.split('-').collect();
    let part = |prefix: &str| parts.iter().any(|part| part.starts_with(prefix));
    let system = match parts[..] {
        _ if part("android") => "android",
        _ if part("darwin") => "macos",
        _ if part("wasi") => "wasi",
        // The vendor may stand before it.
        [_, system, ..] | [system] => system,
        [] => "none",
    };
    let mut all = vec![
        format!("target_arch = {:?}", architecture(first)),
        format!("target_os = {system:?}"),
    ];
    let environments = ["gnu", "musl", "msvc", "ohos"];
    let environment = environments.iter().find(|environment| part(environment));
    all.extend(environment.map(|environment| format!("target_env = {environment:?}")));
    format!("all({})", all.join(", "))
}

/// As `cfg` spells it: a triple may say more, as `armv7` does.
fn architecture(part: &str) -> &str {
    const BEGINNINGS: [(&str, &str); 12] = [
        ("i386", "x86"),
        ("i586", "x86"),
        ("i686", "x86"),
        ("arm64", "aarch64"),
        ("aarch64", "aarch64"),
        ("arm", "arm"),
        ("thumb", "arm"),
        ("mips64", "mips64"),
        ("mips", "mips"),
        ("riscv32", "riscv32"),
        ("riscv64", "riscv64"),
        ("powerpc64", "powerpc64"),
    ];
    let found = BEGINNINGS
        .iter()
        .find(|(beginning, _)| part.starts_with(beginning));
    found.map_or(part, |(_, spelled)| spelled)
}

#[cfg(test)]
mod tests {
    use super::predicate;

    #[test]
    fn a_cfg_is_taken_as_it_is() {
        let inner = "all(unix, not(target_os = \"macos\"))";
        assert_eq!(predicate(&format!("cfg({inner})")), inner);
    }

    #[test]
    fn a_triple_is_told_by_its_parts() {
        for (triple, expected) in [
            ("x86_64-unknown-linux-gnu", ["x86_64", "linux", "gnu"]),
            ("armv7-unknown-linux-musleabihf", ["arm", "linux", "musl"]),
            ("i686-pc-windows-msvc", ["x86", "windows", "msvc"]),
            ("aarch64-apple-darwin", ["aarch64", "macos", ""]),
            ("x86_64-unknown-freebsd", ["x86_64", "freebsd", ""]),
            ("aarch64-linux-android", ["aarch64", "android", ""]),
            ("riscv64gc-unknown-linux-gnu", ["riscv64", "linux", "gnu"]),
            ("wasm32-wasip1", ["wasm32", "wasi", ""]),
        ] {
            let parts = ["arch", "os", "env"].iter().zip(expected);
            let parts = parts.filter(|(_, value)| !value.is_empty());
            let all: Vec<String> = parts
                .map(|(part, value)| format!("target_{part} = \"{value}\""))
                .collect();
            assert_eq!(predicate(triple), format!("all({})", all.join(", ")));
        }
    }
}
