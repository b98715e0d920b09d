//! The kernel lane. (in work)
