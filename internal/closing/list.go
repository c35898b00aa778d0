package closing

import (
	"bytes"
	"iter"
)

// ListRef names a list that may be long, and that is therefore kept as an object of its own: its records, in the order of their keys.
// It is a fact of whatever holds it, so that a digest which covers the one covers the other.
type ListRef struct {
	N      int    `json:"n"`
	SHA256 string `json:"sha256,omitempty"` // hex, of the object's bytes; "" where the list is empty
}

// Record is what a list holds.
type Record interface {
	Key() string // in whose order a list is; no two records of a list have the same
}

// Join walks two lists side by side and shows what they hold under each key; nil is what one of them does not hold. It ends with the
// first error of a list or of see.
func Join[A, B Record](left iter.Seq2[A, error], right iter.Seq2[B, error], see func(*A, *B) error) error {
	nextA, stopA := iter.Pull2(left)
	defer stopA()
	nextB, stopB := iter.Pull2(right)
	defer stopB()
	a, err := pull(nextA)
	if err != nil {
		return err
	}
	b, err := pull(nextB)
	if err != nil {
		return err
	}
	for a != nil || b != nil {
		seenA, seenB := a, b
		switch {
		case a == nil || b != nil && (*b).Key() < (*a).Key():
			seenA = nil
		case b == nil || (*a).Key() < (*b).Key():
			seenB = nil
		}
		if err := see(seenA, seenB); err != nil {
			return err
		}
		if seenA != nil {
			if a, err = pull(nextA); err != nil {
				return err
			}
		}
		if seenB != nil {
			if b, err = pull(nextB); err != nil {
				return err
			}
		}
	}
	return nil
}

func pull[T any](next func() (T, error, bool)) (*T, error) {
	v, err, ok := next()
	if !ok || err != nil {
		return nil, err
	}
	return &v, nil
}

// Key orders assets by region, then by kind.
func (a Asset) Key() string { return a.Region + "\x00" + a.Kind + "\x00" + a.ARN }

// Key is the asset's.
func (b Backup) Key() string { return b.Region + "\x00" + b.Kind + "\x00" + b.ARN }

// Key is the object's name: bundles stand in the order in which they can be imported.
func (s Saved) Key() string { return s.Name }

// Key is the asset's ARN.
func (u Unsaved) Key() string { return u.ARN }

// Key orders differences by what differs.
func (d Difference) Key() string { return d.What + "\x00" + d.ID }

// AssetDrift shows what is new or changed in now against approved.
func AssetDrift(approved, now iter.Seq2[Asset, error], see func(Difference) error) error {
	return Join(approved, now, func(was, is *Asset) error {
		if is == nil {
			return nil
		}
		d := Difference{What: is.Kind, ID: is.ARN, After: Canonical(is)}
		if was != nil {
			d.Before = Canonical(was)
		}
		return d.seen(see)
	})
}

// UnsavedDrift shows which assets could not be saved now, and could be, or failed in another way, when it was approved.
func UnsavedDrift(approved, now iter.Seq2[Unsaved, error], see func(Difference) error) error {
	return Join(approved, now, func(was, is *Unsaved) error {
		if is == nil {
			return nil
		}
		d := Difference{What: "unsaved asset", ID: is.ARN, After: Canonical(is.Code)} // its message may change by itself
		if was != nil {
			d.Before = Canonical(was.Code)
		}
		return d.seen(see)
	})
}

// seen shows a difference that is one.
func (d Difference) seen(see func(Difference) error) error {
	if bytes.Equal(d.Before, d.After) {
		return nil
	}
	return see(d)
}

// Differences are what is new or changed: how many facts, and the first of them.
type Differences struct {
	N     int          `json:"n"`
	First []Difference `json:"first,omitempty"`
	All   ListRef      `json:"all"` // of Difference
}
