//! The WIM container: reading, checking, writing.
