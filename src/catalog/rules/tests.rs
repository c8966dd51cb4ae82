use super::*;

fn by_title(title: &str) -> Answer {
    recognize(&Listing { title, ..Listing::default() })
}

fn by_all(title: &str, product: &str, description: &str) -> Answer {
    recognize(&Listing { title, product: Some(product), description: Some(description) })
}

const SAFE_OS: [&str; 2] = ["Windows Safe OS Dynamic Update", "ComponentUpdate"];
const SETUP: [&str; 2] = ["Windows 10 and later Dynamic Update", "SetupUpdate"];

/// The releases of which the title tells everything.
const BY_TITLE: [&str; 6] = [
    "Windows 11 Version 22H2",
    "Windows 11 Version 23H2",
    "Windows 11 Version 24H2",
    "Windows 11, version 25H2",
    "Microsoft server operating system version 23H2",
    "Microsoft server operating system version 24H2",
];

/// Those of which it does not.
const BY_FIELDS: [&str; 4] = [
    "Windows 11",
    "Windows 10 Version 22H2",
    "Microsoft server operating system version 21H2",
    "Azure Stack HCI, version 22H2",
];

#[test]
fn the_title_tells() {
    for release in BY_TITLE {
        for tail in ["", " for x64-based Systems (KB5044284)"] {
            let answer = |kind: &str| by_title(&format!("2024-10 {kind} for {release}{tail}"));
            assert_eq!(answer("Safe OS Dynamic Update"), Answer::Class(Class::SafeOsDu), "{release}");
            assert_eq!(answer("Setup Dynamic Update"), Answer::Class(Class::SetupDu), "{release}");
            assert_eq!(answer("Cumulative Update"), Answer::Class(Class::Cumulative), "{release}");
            assert_eq!(answer("Cumulative Update Preview"), Answer::Class(Class::Cumulative), "{release}");
            assert_eq!(answer("Servicing Stack Update"), Answer::Class(Class::ServicingStack), "{release}");
            assert_eq!(answer("Dynamic Update"), Answer::Unknown, "{release}");
        }
    }
}

#[test]
fn product_and_description_tell() {
    for release in BY_FIELDS {
        let title = format!("2023-09 Dynamic Update for {release} for x64-based Systems (KB5030000)");
        assert_eq!(by_all(&title, SAFE_OS[0], SAFE_OS[1]), Answer::Class(Class::SafeOsDu), "{release}");
        assert_eq!(by_all(&title, SETUP[0], SETUP[1]), Answer::Class(Class::SetupDu), "{release}");
        assert_eq!(by_all(&title, SAFE_OS[0], SETUP[1]), Answer::Unknown, "{release}");
        assert_eq!(by_all(&title, "Windows 11", SETUP[1]), Answer::Unknown, "{release}");
        let cumulative = format!("2023-09 Cumulative Update for {release}");
        assert_eq!(by_title(&cumulative), Answer::Class(Class::Cumulative), "{release}");
    }
    for release in ["Windows 11 Version 21H2", "Windows 10 Version 22H2"] {
        let stack = format!("2023-09 Servicing Stack Update for {release}");
        assert_eq!(by_title(&stack), Answer::Class(Class::ServicingStack), "{release}");
    }
}

#[test]
fn what_is_missing_is_told() {
    let title = "2023-09 Dynamic Update for Windows 10 Version 22H2";
    let both = vec![Class::SafeOsDu, Class::SetupDu];
    let missing = vec![Field::Product, Field::Description];
    assert_eq!(by_title(title), Answer::Undecided { candidates: both.clone(), missing });
    let with_product = |product| recognize(&Listing { title, product: Some(product), description: None });
    let missing = vec![Field::Description];
    let safe_os = Answer::Undecided { candidates: vec![Class::SafeOsDu], missing: missing.clone() };
    assert_eq!(with_product(SAFE_OS[0]), safe_os);
    let list = format!("{}, {}", SETUP[0], SAFE_OS[0].to_lowercase());
    assert_eq!(with_product(&list), Answer::Undecided { candidates: both, missing });
    assert_eq!(by_all(title, &list, "SetupUpdate: for Setup"), Answer::Class(Class::SetupDu));
}

#[test]
fn other_updates() {
    for (title, answer) in [
        (
            "2024-10 Cumulative Update for .NET Framework 3.5 and 4.8.1 for Windows 11, version 24H2 for x64 (KB5044030)",
            Answer::Class(Class::DotNet),
        ),
        (
            "Update for Removal of Adobe Flash Player for Windows 10 Version 1809 for x64-based systems (KB4577586)",
            Answer::Class(Class::FlashRemoval),
        ),
        ("2024-10 Update for Windows 11 Version 24H2", Answer::Unknown),
        ("2024-10 Cumulative Update", Answer::Unknown),
        ("2024-10 Cumulative Update for Something Else for Windows 11", Answer::Unknown),
        ("", Answer::Unknown),
    ] {
        assert_eq!(by_title(title), answer, "{title}");
    }
}
