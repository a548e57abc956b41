//! Users of the host, by name or number.

use std::io;

/// A user of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) uid: u32,
}

/// The user of a name.
pub(crate) fn find(name: &str) -> io::Result<User> {
    if let Ok(uid) = name.parse() {
        return Ok(User { uid });
    }
    let named = std::ffi::CString::new(name)?;
    // Long enough for any entry; a name service that needs more answers ERANGE.
    let mut buffer = vec![0; 64 << 10];
    let mut result = std::ptr::null_mut();
    // SAFETY: passwd is plain data of pointers into `buffer`, valid when zeroed; the call is told the
    // buffer's size and fills both.
    unsafe {
        let mut entry: libc::passwd = std::mem::zeroed();
        let failed = libc::getpwnam_r(
            named.as_ptr(),
            &raw mut entry,
            buffer.as_mut_ptr(),
            buffer.len(),
            &raw mut result,
        );
        if failed != 0 {
            return Err(io::Error::from_raw_os_error(failed));
        }
        if result.is_null() {
            return Err(io::Error::other("there is no such user"));
        }
        Ok(User { uid: entry.pw_uid })
    }
}
