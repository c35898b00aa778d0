package record

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"slices"
	"sync"

	"quicksight-unsubscribe/internal/closing"
)

const (
	// mostInMemory is how many records a Sorter holds in memory: what is behind them goes to a file.
	mostInMemory = 500
	// mostParts is how many lists a Sorter leaves behind when it is saved, before it makes one of them.
	mostParts = 16
)

// Sorter takes records in any order and makes lists of them, in the order of their keys, without holding them all in memory. Of records
// with the same key it keeps the one that was added last. Records may be added side by side. It must be closed.
type Sorter[T closing.Record] struct {
	folder *Folder
	mu     sync.Mutex
	parts  []closing.ListRef // lists of the record, from Sorters before this one
	runs   []*scratch        // sorted, each newer than the one before
	buffer []T               // the newest records
}

// NewSorter goes on where another one was when it returned parts; nil begins anew.
func NewSorter[T closing.Record](f *Folder, parts []closing.ListRef) *Sorter[T] {
	return &Sorter[T]{folder: f, parts: parts}
}

// Close throws away what has not been saved.
func (s *Sorter[T]) Close() {
	for _, run := range s.runs {
		run.close()
	}
	s.runs, s.buffer = nil, nil
}

// Add takes a record.
func (s *Sorter[T]) Add(v T) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.buffer = append(s.buffer, v); len(s.buffer) < mostInMemory {
		return nil
	}
	return s.spill()
}

// spill sorts what was added, and writes it down.
func (s *Sorter[T]) spill() error {
	if len(s.buffer) == 0 {
		return nil
	}
	slices.SortStableFunc(s.buffer, func(a, b T) int { return cmp.Compare(a.Key(), b.Key()) })
	run := &scratch{}
	s.runs = append(s.runs, run)
	out := bufio.NewWriter(run)
	for i, v := range s.buffer {
		if i+1 < len(s.buffer) && s.buffer[i+1].Key() == v.Key() {
			continue
		}
		if err := writeLine(out, v); err != nil {
			return err
		}
	}
	clear(s.buffer)
	s.buffer = s.buffer[:0]
	return out.Flush()
}

func writeLine(out io.Writer, v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = out.Write(append(line, '\n'))
	return err
}

// All shows what was added before, in order. More may be added meanwhile.
func (s *Sorter[T]) All(ctx context.Context) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		s.mu.Lock()
		err := s.spill()
		runs := slices.Clone(s.runs)
		s.mu.Unlock()
		var zero T
		if err != nil {
			yield(zero, err)
			return
		}
		for v, err := range merged[T](ctx, s.folder, s.parts, runs) {
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// merged merges lists of the record and what was written down, each newer than the one before.
func merged[T closing.Record](ctx context.Context, folder *Folder, parts []closing.ListRef, runs []*scratch) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		var sources []*source[T]
		for _, part := range parts {
			next, stop := iter.Pull2(List[T](ctx, folder, part))
			defer stop()
			sources = append(sources, &source[T]{next: next})
		}
		for _, run := range runs {
			lines := lines[T]{from: bufio.NewReader(run.reader())}
			sources = append(sources, &source[T]{next: func() (T, error, bool) {
				v, err := lines.next()
				if errors.Is(err, io.EOF) {
					return v, nil, false
				}
				return v, err, true
			}})
		}
		for _, src := range sources {
			if err := src.advance(); err != nil {
				yield(zero, err)
				return
			}
		}
		for {
			var least *source[T]
			for _, src := range sources { // of equal keys, the newest wins
				if src.head != nil && (least == nil || src.key <= least.key) {
					least = src
				}
			}
			if least == nil {
				return
			}
			v, key := *least.head, least.key
			for _, src := range sources {
				if src.head != nil && src.key == key {
					if err := src.advance(); err != nil {
						yield(zero, err)
						return
					}
				}
			}
			if !yield(v, nil) {
				return
			}
		}
	}
}

// source is one of the lists that are merged.
type source[T closing.Record] struct {
	next func() (T, error, bool)
	head *T // nil: it is at its end
	key  string
}

func (s *source[T]) advance() error {
	v, err, ok := s.next()
	if s.head = nil; !ok || err != nil {
		return err
	}
	s.head, s.key = &v, v.Key()
	return nil
}

// List keeps everything that was added as one list, and shows each record to see, where see is not nil.
func (s *Sorter[T]) List(ctx context.Context, see func(T)) (closing.ListRef, error) {
	return keepList(ctx, s.folder, s.All(ctx), see)
}

// Save keeps everything that was added in lists from which another Sorter goes on.
func (s *Sorter[T]) Save(ctx context.Context) ([]closing.ListRef, error) {
	all := s.All(ctx)
	if len(s.parts) < mostParts {
		if err := s.spill(); err != nil {
			return nil, err
		}
		all = merged[T](ctx, s.folder, nil, s.runs)
	}
	part, err := keepList(ctx, s.folder, all, nil)
	if err != nil {
		return nil, err
	}
	if len(s.parts) >= mostParts {
		s.parts = nil
	}
	if part.N > 0 {
		s.parts = append(slices.Clip(s.parts), part)
	}
	s.Close()
	return s.parts, nil
}

// keepList writes a list of records that come in order.
func keepList[T closing.Record](ctx context.Context, folder *Folder, records iter.Seq2[T, error], see func(T)) (closing.ListRef, error) {
	var ref closing.ListRef
	list, sum := &scratch{}, sha256.New()
	defer list.close()
	out := bufio.NewWriter(io.MultiWriter(list, sum))
	for v, err := range records {
		if err != nil {
			return closing.ListRef{}, err
		}
		if err := writeLine(out, v); err != nil {
			return closing.ListRef{}, err
		}
		if ref.N++; see != nil {
			see(v)
		}
	}
	if err := out.Flush(); err != nil || ref.N == 0 {
		return closing.ListRef{}, err
	}
	ref.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return ref, folder.keep(ctx, ref, list)
}

// PutList keeps records as a list, in the order of their keys.
func PutList[T closing.Record](ctx context.Context, f *Folder, records ...T) (closing.ListRef, error) {
	s := NewSorter[T](f, nil)
	defer s.Close()
	for _, v := range records {
		if err := s.Add(v); err != nil {
			return closing.ListRef{}, err
		}
	}
	return s.List(ctx, nil)
}
