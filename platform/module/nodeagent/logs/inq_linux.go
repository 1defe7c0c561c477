package logs

import "golang.org/x/sys/unix"

const inq = unix.TIOCINQ // bytes that can be read at once
