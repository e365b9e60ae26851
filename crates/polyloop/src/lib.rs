//! polyloop.
