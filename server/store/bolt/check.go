package bolt

import (
	"encoding/binary"
	"errors"
	"os"

	"go.etcd.io/bbolt"
)

// The layout of bbolt's file, version 2: a page's head is id 8, flags 2, count 2, overflow 4; an
// element of a leaf is flags 4, pos 4, key size 4, value size 4; of a branch pos 4, key size 4,
// page 8. pos counts from the element. Integers have the machine's byte order.
const (
	pageHeadBytes    = 16
	elementBytes     = 16
	bucketHeadBytes  = 16
	leafBucketFlag   = 1
	branchPage       = 0x01
	leafPage         = 0x02
	freelistPage     = 0x10
	firstPageChecked = 2 // bbolt keeps checksums of the two meta pages
)

var (
	errCut      = errors.New("its end is missing")
	errFreeList = errors.New("its list of free pages is wrong")
	errPage     = errors.New("a page is not what it should be")
)

// checkPages checks the numbers in every page before the first write, because bbolt trusts them:
// one wrong length would make it free, allocate or read gigabytes. The contents of keys and values
// are left to the records' checksums. bbolt's own Check is not enough: it runs in goroutines whose
// faults nobody can catch, and takes the lengths to be right.
func (d *database) checkPages(tx *bbolt.Tx) error {
	info, err := d.file.Stat()
	if err != nil {
		return err
	}
	if info.Size() < tx.Size() {
		return d.damaged(errCut)
	}
	c := pageChecker{file: d.file, pageSize: d.db.Info().PageSize}
	c.end = int(tx.Size() / int64(c.pageSize))
	free := 0
	for id, next := firstPageChecked, firstPageChecked; id < c.end; id++ {
		page, err := tx.Page(id)
		if err != nil {
			return err
		}
		switch {
		case page.Type == "free":
			free++
		case id < next: // the rest of a long page
		case page.OverflowCount >= c.end-id:
			return d.damaged(errPage)
		default:
			next = id + page.OverflowCount + 1
			if err := c.check(id, page.OverflowCount+1); err != nil {
				return d.damaged(err)
			}
		}
	}
	if free != d.db.Stats().FreePageN {
		return d.damaged(errFreeList)
	}
	return nil
}

// pageChecker reads the file, not the mapping: a page that cannot be read is an error, not a fault.
type pageChecker struct {
	file     *os.File
	pageSize int
	end      int // pages in the file
	buf      []byte
}

func (c *pageChecker) check(id, pages int) error {
	if n := pages * c.pageSize; len(c.buf) < n {
		c.buf = make([]byte, n)
	}
	b := c.buf[:pages*c.pageSize]
	if _, err := c.file.ReadAt(b, int64(id)*int64(c.pageSize)); err != nil {
		return err
	}
	if binary.NativeEndian.Uint64(b) != uint64(id) {
		return errPage
	}
	switch flags := binary.NativeEndian.Uint16(b[8:]); flags {
	case leafPage:
		return c.checkLeaf(b)
	case branchPage:
		return c.checkBranch(b)
	case freelistPage:
		return nil // bbolt has already read it
	default:
		return errPage
	}
}

func (c *pageChecker) checkLeaf(b []byte) error {
	n := int(binary.NativeEndian.Uint16(b[10:]))
	for at := pageHeadBytes; n > 0; n, at = n-1, at+elementBytes {
		if at+elementBytes > len(b) {
			return errPage
		}
		flags, pos := binary.NativeEndian.Uint32(b[at:]), binary.NativeEndian.Uint32(b[at+4:])
		keySize, valueSize := binary.NativeEndian.Uint32(b[at+8:]), binary.NativeEndian.Uint32(b[at+12:])
		value := uint64(at) + uint64(pos) + uint64(keySize)
		if value+uint64(valueSize) > uint64(len(b)) {
			return errPage
		}
		if flags&leafBucketFlag == 0 {
			continue
		}
		if err := c.checkBucket(b[value : value+uint64(valueSize)]); err != nil {
			return err
		}
	}
	return nil
}

// checkBucket checks a bucket: root page 8, sequence 8 and, if the root is 0, the page that
// follows.
func (c *pageChecker) checkBucket(b []byte) error {
	if len(b) < bucketHeadBytes {
		return errPage
	}
	if root := binary.NativeEndian.Uint64(b); root != 0 {
		return c.checkReference(root)
	}
	inline := b[bucketHeadBytes:]
	if len(inline) < pageHeadBytes || binary.NativeEndian.Uint16(inline[8:]) != leafPage {
		return errPage
	}
	return c.checkLeaf(inline)
}

func (c *pageChecker) checkBranch(b []byte) error {
	n := int(binary.NativeEndian.Uint16(b[10:]))
	if n == 0 {
		return errPage
	}
	for at := pageHeadBytes; n > 0; n, at = n-1, at+elementBytes {
		if at+elementBytes > len(b) {
			return errPage
		}
		pos, keySize := binary.NativeEndian.Uint32(b[at:]), binary.NativeEndian.Uint32(b[at+4:])
		if uint64(at)+uint64(pos)+uint64(keySize) > uint64(len(b)) {
			return errPage
		}
		if err := c.checkReference(binary.NativeEndian.Uint64(b[at+8:])); err != nil {
			return err
		}
	}
	return nil
}

func (c *pageChecker) checkReference(page uint64) error {
	if page < firstPageChecked || page >= uint64(c.end) {
		return errPage
	}
	return nil
}
