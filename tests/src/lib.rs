//! Cross-backend tests.
