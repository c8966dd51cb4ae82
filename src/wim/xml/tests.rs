//! Whole documents.

use proptest::prelude::*;

use super::*;
use crate::util::filetime::FileTime;
use crate::util::utf16;
use crate::wim::metadata::Statistics;

const DOCUMENT: &str = concat!(
    "<WIM><TOTALBYTES>5344</TOTALBYTES><IMAGE INDEX=\"2\"><NAME>Setup &amp; co</NAME></IMAGE>",
    "<IMAGE INDEX=\"1\"><DIRCOUNT>3</DIRCOUNT><FILECOUNT>4</FILECOUNT><TOTALBYTES>12444</TOTALBYTES>",
    "<HARDLINKBYTES>0</HARDLINKBYTES><CREATIONTIME><HIGHPART>0x01DA3C45</HIGHPART><LOWPART>7689C000</LOWPART></CREATIONTIME>",
    "<WINDOWS><ARCH>9</ARCH><PRODUCTNAME>Microsoft® Windows® Operating System</PRODUCTNAME><EDITIONID>WindowsPE</EDITIONID>",
    "<LANGUAGES><LANGUAGE>en-US</LANGUAGE><LANGUAGE>de-DE</LANGUAGE><DEFAULT>en-US</DEFAULT></LANGUAGES>",
    "<VERSION><MAJOR>10</MAJOR><MINOR>0</MINOR><BUILD>17763</BUILD><SPBUILD>1</SPBUILD><SPLEVEL>0</SPLEVEL></VERSION>",
    "<SYSTEMROOT>WINDOWS</SYSTEMROOT></WINDOWS><NAME>PE</NAME><UNKNOWN A=\"1\" B=\"&quot;\">x<Y></Y>z</UNKNOWN></IMAGE></WIM>",
);

fn stored(text: &str) -> Vec<u8> {
    [parse::BOM.to_vec(), utf16::from_str(text)].concat()
}

fn document() -> WimXml {
    WimXml::parse(&stored(DOCUMENT), 2).unwrap()
}

fn text(xml: &WimXml) -> String {
    utf16::to_string(&xml.encode().unwrap()[2..]).unwrap()
}

#[test]
fn what_a_document_says() {
    let xml = document();
    assert_eq!((xml.image_count(), xml.total_bytes(), xml.is_encrypted()), (2, Some(5344), false));
    assert_eq!(
        (xml.image_by_name("Setup & co"), xml.image_by_name("pe"), xml.image_by_name("")),
        (Some(2), None, None)
    );
    let image = xml.image(1).unwrap();
    assert_eq!(image.creation_time().unwrap().to_string(), "2024-01-01T00:00:00Z");
    assert_eq!(image.modification_time(), None);
    let statistics = Statistics { directories: 3, files: 4, total_bytes: 12444, hard_link_bytes: 0 };
    assert_eq!(image.statistics(), Some(statistics));
    let windows = image.windows().unwrap();
    assert_eq!(windows.version.unwrap().to_string(), "10.0.17763.1");
    assert_eq!(windows.architecture.unwrap().to_string(), "x64");
    assert_eq!(
        (windows.languages.join(" ").as_str(), windows.default_language.as_deref()),
        ("en-US de-DE", Some("en-US"))
    );
    assert_eq!(image.get("WINDOWS/LANGUAGES/LANGUAGE[2]").unwrap().unwrap(), "de-DE");
    assert_eq!(image.get("WINDOWS/NOTHING/HERE").unwrap(), None);
    assert!(image.get("WINDOWS//ARCH").is_err());
}

#[test]
fn unknown_elements_are_written_back() {
    assert_eq!(text(&document()), DOCUMENT);
}

#[test]
fn images_come_and_go() {
    let mut xml = document();
    let copy = xml.image(2).unwrap().clone();
    assert_eq!(xml.add_image(copy), 3);
    assert_eq!(xml.remove_image(1).unwrap().name().unwrap(), "PE");
    assert_eq!(xml.remove_image(3), None);
    xml.set_total_bytes(7);
    let expected = "<WIM><TOTALBYTES>7</TOTALBYTES><IMAGE INDEX=\"1\"><NAME>Setup &amp; co</NAME></IMAGE>\
        <IMAGE INDEX=\"2\"><NAME>Setup &amp; co</NAME></IMAGE></WIM>";
    assert_eq!(text(&xml), expected);

    let mut empty = WimXml::new();
    empty.add_image(ImageXml::default());
    empty.set_total_bytes(1);
    assert_eq!(empty.image(1).unwrap().index_attribute(), Some("1"));
}

#[test]
fn properties_are_set() {
    let mut image = document().image(2).unwrap().clone();
    image.set("WINDOWS/VERSION/SPBUILD", "4061").unwrap();
    image.set("WINDOWS/LANGUAGES/LANGUAGE", "fr-FR").unwrap();
    image.set("WINDOWS/LANGUAGES/LANGUAGE[2]", "<&>").unwrap();
    assert_eq!(image.get("WINDOWS/LANGUAGES/LANGUAGE[2]").unwrap().unwrap(), "<&>");
    assert!(matches!(image.set("WINDOWS/LANGUAGES/LANGUAGE[4]", ""), Err(XmlError::Path { .. })));
    assert!(matches!(image.set("WINDOWS", "x"), Err(XmlError::HasElements { .. })));
    assert!(matches!(image.set("NAME", "a\u{1}"), Err(XmlError::Character { character: '\u{1}', .. })));
    for path in ["", "A/", "A B", "1A", "A[0]", "A[x]"] {
        assert!(matches!(image.set(path, ""), Err(XmlError::Path { .. })), "{path:?}");
    }
    let time = FileTime(0x0123_4567_89AB_CDEF);
    image.set_modification_time(time);
    assert_eq!(image.modification_time(), Some(time));
    assert_eq!(image.get("LASTMODIFICATIONTIME/HIGHPART").unwrap().unwrap(), "0x01234567");
    assert_eq!(image.remove("WINDOWS/LANGUAGES"), Ok(true));
    assert_eq!(image.remove("WINDOWS/LANGUAGES"), Ok(false));
    assert_eq!(image.remove("NAME"), Ok(true));
    let windows = image.windows().unwrap();
    assert_eq!((windows.version, windows.languages.len()), (None, 0));
}

#[test]
fn images_that_the_document_does_not_mention() {
    let xml = WimXml::parse(&stored("<WIM><IMAGE INDEX='2'><NAME>b</NAME></IMAGE></WIM>"), 3).unwrap();
    assert_eq!(
        xml.images().map(|image| image.name().unwrap_or_default().into_owned()).collect::<Vec<_>>(),
        ["", "b", ""]
    );
    assert_eq!(xml.image(3).unwrap().index_attribute(), Some("3"));
    let fallback = WimXml::fallback(2);
    assert_eq!(text(&fallback), "<WIM><IMAGE INDEX=\"1\"></IMAGE><IMAGE INDEX=\"2\"></IMAGE></WIM>");
}

#[test]
fn an_encrypted_esd_is_recognised() {
    let xml = WimXml::parse(&stored("<WIM><ESD><ENCRYPTED>true</ENCRYPTED></ESD></WIM>"), 0).unwrap();
    assert!(xml.is_encrypted());
}

#[test]
fn what_is_tolerated() {
    let empty_texts = WimXml::parse(&stored("<WIM><A><![CDATA[]]></A></WIM>"), 0).unwrap();
    assert_eq!(text(&empty_texts), "<WIM><A></A></WIM>");
    let without_mark = utf16::from_str("<WIM><!-- c --><?pi?><![CDATA[ ]]></WIM>");
    assert!(WimXml::parse(&without_mark, 0).is_ok());
    assert!(WimXml::parse(&stored("<?xml version=\"1.0\" encoding=\"UTF-16\"?>\r\n<WIM/>\r\n\0\0"), 0).is_ok());
}

#[test]
fn what_is_refused_and_where() {
    let error = |text: &str| WimXml::parse(&stored(text), 1).unwrap_err();
    assert_eq!(error("<!DOCTYPE WIM><WIM/>"), XmlError::Doctype { offset: 2 });
    assert_eq!(error("<WIN/>"), XmlError::Root { found: "WIN".to_owned() });
    assert!(matches!(error("<WIM>ß<A></WIM>"), XmlError::Syntax { offset: 18.., .. }));
    assert!(matches!(error("<WIM><A>"), XmlError::Syntax { offset: 18, .. }));
    assert!(matches!(error("<WIM>&nbsp;</WIM>"), XmlError::Syntax { offset: 12, .. }));
    assert!(matches!(error("<WIM/><WIM/>"), XmlError::Syntax { offset: 14, .. }));
    assert!(matches!(error("<WIM>&#1;</WIM>"), XmlError::Character { character: '\u{1}', .. }));
    assert!(matches!(error("<WIM><a\"b>c\"/></WIM>"), XmlError::Syntax { offset: 12, .. }));
    assert!(matches!(error("<WIM><A B\"='x'/></WIM>"), XmlError::Syntax { .. }));
    assert!(matches!(error(""), XmlError::Syntax { .. }));
    assert!(matches!(error("</WIM>"), XmlError::Syntax { .. }));
    let index = |text: &str| matches!(error(text), XmlError::ImageIndex { count: 1, .. });
    assert!(
        index("<WIM><IMAGE/></WIM>")
            && index("<WIM><IMAGE INDEX='0'/></WIM>")
            && index("<WIM><IMAGE INDEX='2'/></WIM>")
    );
    assert!(index("<WIM><IMAGE INDEX='1'/><IMAGE INDEX='1'/></WIM>"));
    let deep = |depth| "<WIM>".repeat(depth) + &"</WIM>".repeat(depth);
    assert!(WimXml::parse(&stored(&deep(50)), 0).is_ok());
    assert!(matches!(error(&deep(51)), XmlError::TooDeep { limit: 50, .. }));

    let bytes = |bytes: &[u8]| WimXml::parse(bytes, 0).unwrap_err();
    assert!(matches!(bytes(b"<WIM/>"), XmlError::NotUtf16 { .. }));
    assert!(matches!(bytes(&[0xFE, 0xFF, 0, b'<']), XmlError::NotUtf16 { .. }));
    assert_eq!(bytes(&[0xFF, 0xFE, b'<', 0, 0x00, 0xD8, b'a', 0]), XmlError::BadUtf16 { offset: 4 });
    assert_eq!(bytes(&[0xFF, 0xFE, b'<']), XmlError::BadUtf16 { offset: 2 });
}

proptest! {
    #[test]
    fn names_survive(name in "[ -~äß€𝄞\r\n\t]{0,20}") {
        let mut xml = WimXml::fallback(1);
        xml.image_mut(1).unwrap().set("NAME", &name).unwrap();
        let again = WimXml::parse(&xml.encode().unwrap(), 1).unwrap();
        prop_assert_eq!(again.image(1).unwrap().name().unwrap_or_default(), name.trim());
    }

    #[test]
    fn broken_documents_never_panic(at in 0..DOCUMENT.len(), what in "[<>&;/\"'!\\[\\]?#x a]{0,4}") {
        let mut broken = DOCUMENT.to_owned();
        if broken.is_char_boundary(at) {
            broken.insert_str(at, &what);
            if let Ok(xml) = WimXml::parse(&stored(&broken), 2) {
                prop_assert_eq!(WimXml::parse(&xml.encode().unwrap(), 2).unwrap(), xml);
            }
        }
    }
}
