//! Refreshing installation media: last month's media and this month's packages become new media.

pub mod sample;
