package api

import (
	"hash"
	"hash/crc64"
	"strconv"
)

var crcTable = crc64.MakeTable(crc64.ECMA)

// NewChecksum hashes a code package the way codeChecksum counts: CRC-64/ECMA.
func NewChecksum() hash.Hash64 { return crc64.New(crcTable) }

// ChecksumText is how a checksum is written in JSON: decimal text.
func ChecksumText(sum uint64) string { return strconv.FormatUint(sum, 10) }

// Checksum is the checksum of a whole package, as text.
func Checksum(data []byte) string { return ChecksumText(crc64.Checksum(data, crcTable)) }
