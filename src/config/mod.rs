//! The settings of a consumer and their validation.
