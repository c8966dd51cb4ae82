use super::*;
use crate::cab::UnsafeName;

const SHA1: &str = "da39a3ee5e6b4b0d3255bfef95601890afd80709";

fn index(kind: &str, files: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<Container name=\"x.psf\" type=\"{kind}\" length=\"9\" version=\"1\" \
         xmlns=\"urn:ContainerIndex\"><Description/><Files>{files}</Files></Container>"
    )
}

fn file(id: u64, name: &str, delta: &str) -> String {
    format!(
        "<File id=\"{id}\" name=\"{name}\" length=\"5\" time=\"129375347786139047\" attr=\"32\">\
         <Hash alg=\"SHA1\" value=\"{SHA1}\"/><Delta>{delta}</Delta></File>"
    )
}

#[test]
fn both_kinds() {
    let hash = format!("<Hash alg=\"SHA1\" value=\"{SHA1}\"/>");
    let source = format!("<Source type=\"PA30\" offset=\"7\" length=\"3\">{hash}</Source><Basis file=\"9\"/>");
    let parsed = Index::parse(index("PSF", &file(1, "a\\b &amp; c", &source)).as_bytes()).unwrap();
    assert_eq!((parsed.kind, &*parsed.name), (ContainerKind::Psf, "x.psf"));
    let digest = Digest::parse("SHA1", SHA1).unwrap();
    let piece = Piece { kind: PieceKind::Pa30, place: Place::Range { offset: 7, length: 3 }, digest: Some(digest) };
    assert_eq!(
        parsed.files,
        [IndexedFile {
            id: 1,
            name: "a\\b & c".to_owned(),
            size: Some(5),
            time: FileTime(129_375_347_786_139_047),
            attributes: 32,
            digest: Some(digest),
            ways: vec![Way { piece: Some(piece), basis: Some(Basis { file: Some(9) }) }],
        }]
    );
    let parsed = Index::parse(index("CAB", &file(1, "a", "<Source type=\"RAW\" name=\"0\"/>")).as_bytes()).unwrap();
    let piece = Piece { kind: PieceKind::Raw, place: Place::Member("0".to_owned()), digest: None };
    assert_eq!(parsed.files[0].ways, [Way { piece: Some(piece), basis: None }]);
}

#[test]
fn other_encodings_and_a_prefix() {
    let text = index("CAB", &file(1, "\u{e9}", "<Basis file=\"2\"/>"));
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let expected = Index::parse(text.as_bytes()).unwrap();
    assert_eq!(expected.files[0].name, "\u{e9}");
    assert_eq!(Index::parse(&[&[0xEF, 0xBB, 0xBF], text.as_bytes()].concat()), Ok(expected.clone()));
    assert_eq!(Index::parse(&[&[0xFF, 0xFE], &utf16[..]].concat()), Ok(expected.clone()));
    let prefixed = text
        .replace("xmlns=", "xmlns:c=")
        .replace("</", "</c:")
        .replace('<', "<c:")
        .replace("<c:/c:", "</c:")
        .replace("<c:?", "<?");
    assert_eq!(Index::parse(prefixed.as_bytes()), Ok(expected));
}

#[test]
fn documents_that_are_refused() {
    let one = |files: &str| Index::parse(index("PSF", files).as_bytes()).unwrap_err();
    let Err(CixError::NotAnIndex { found }) = Index::parse(b"<unattend xmlns=\"urn:x\"/>") else { panic!() };
    assert_eq!(found, "unattend");
    assert!(matches!(Index::parse(b""), Err(CixError::NotAnIndex { .. })));
    assert!(matches!(Index::parse(b"\xC3\x28"), Err(CixError::NotText)));
    let text = index("PSF", "");
    assert!(matches!(Index::parse(text.replace("urn:C", "urn:D").as_bytes()), Err(CixError::NotAnIndex { .. })));
    assert!(matches!(Index::parse(text.replace("\"PSF", "\"ZIP").as_bytes()), Err(CixError::Value { .. })));
    assert!(matches!(Index::parse(&text.as_bytes()[..text.len() - 5]), Err(CixError::Syntax { .. })));
    assert!(matches!(Index::parse(format!("<!DOCTYPE a>{text}").as_bytes()), Err(CixError::Syntax { .. })));
    assert!(matches!(one(&"<a>".repeat(100)), CixError::TooDeep { .. }));
    for (name, problem) in [
        ("..\\a", UnsafeName::Parent),
        ("a\\c:b", UnsafeName::Colon),
        ("", UnsafeName::Empty),
        ("nul", UnsafeName::Device),
    ] {
        assert!(
            matches!(one(&file(1, name, "")), CixError::Unsafe { problem: found, .. } if found == problem),
            "{name}"
        );
    }
    assert!(matches!(one(&[file(1, "a", ""), file(1, "b", "")].concat()), CixError::SameId { id: 1, .. }));
    let whole = file(1, "a", "<Source type=\"RAW\" offset=\"1\" length=\"2\"/>");
    for (attribute, what) in
        [("name", "name"), ("id", "id"), ("length", "length"), ("offset", "offset"), ("type", "type")]
    {
        let error = one(&whole.replacen(&format!(" {attribute}="), " none=", 1));
        assert!(matches!(error, CixError::Missing { what: found, .. } if found == what), "{error}");
    }
    assert!(matches!(one(&whole.replace("<Hash", "<None")), CixError::Missing { what: "Hash", .. }));
    assert!(matches!(one(&whole.replace("SHA1", "MD5")), CixError::Value { .. }));
    let huge = "99999999999999999999";
    for found in ["-1", "1.5", "", huge] {
        let error = one(&whole.replace("offset=\"1\"", &format!("offset=\"{found}\"")));
        assert!(matches!(error, CixError::Value { attribute: "offset", .. }), "{error}");
    }
}

#[test]
fn ways_without_number() {
    // Each is a hundred times as large in memory.
    let file = r#"<File id="1" name="a" length="0">"#;
    let document =
        format!(r#"<Container xmlns="urn:ContainerIndex" type="PSF"><Files>{file}{}"#, "<Delta/>".repeat(3 << 20));
    let error = Index::parse(document.as_bytes()).unwrap_err();
    assert!(error.to_string().contains("more than 2097152 ways"), "{error}");
}
