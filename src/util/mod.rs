//! What two or more rooms share and what knows no format.

pub mod atomic_file;
pub mod clock;
pub mod file_name;
pub mod filetime;
pub mod guard;
pub mod human;
pub mod le;
pub mod new_file;
pub mod ordered;
pub mod os;
pub mod pool;
pub mod progress;
pub mod read_at;
pub mod sha1;
pub mod utf16;
pub mod write_at;
