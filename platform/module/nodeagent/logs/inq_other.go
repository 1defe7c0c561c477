//go:build !linux

package logs

const inq = 0x4004667f // FIONREAD of macOS and the BSDs: bytes that can be read at once
