package record

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

// mostBytesInMemory is how long a list may be that needs no file.
const mostBytesInMemory = 64 << 10

// scratch is where a list is written and read before it is kept: in memory while it is short, else in a temporary file, since Lambda's disk is
// larger than its memory. It is gone when it is closed.
type scratch struct {
	short []byte
	file  *os.File // nil: it is short
	long  int64    // bytes in the file
}

// Write appends.
func (s *scratch) Write(p []byte) (int, error) {
	if s.file == nil {
		if len(s.short)+len(p) <= mostBytesInMemory {
			s.short = append(s.short, p...)
			return len(p), nil
		}
		file, err := os.CreateTemp("", "list-*.jsonl")
		if err != nil {
			return 0, fmt.Errorf("make a temporary file: %w", err)
		}
		n, err := file.Write(s.short)
		if s.file, s.long, s.short = file, int64(n), nil; err != nil {
			return 0, err
		}
	}
	n, err := s.file.Write(p)
	s.long += int64(n)
	return n, err
}

// reader reads what has been written, from its beginning.
func (s *scratch) reader() io.ReadSeeker {
	if s.file == nil {
		return bytes.NewReader(s.short)
	}
	return io.NewSectionReader(s.file, 0, s.long)
}

// close throws it away.
func (s *scratch) close() {
	if s.file != nil {
		_ = s.file.Close() // nothing of it is needed any more
		_ = os.Remove(s.file.Name())
	}
}
