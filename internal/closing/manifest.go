package closing

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Manifest is what of an account was saved before it is closed, and what was not. export-assets alone writes it, once for each
// round; the commit names its digest.
type Manifest struct {
	Version    int          `json:"version"` // of this JSON, 1
	Execution  string       `json:"execution"`
	Round      int          `json:"round"`
	Digest     string       `json:"digest"` // of the plan that was approved
	At         time.Time    `json:"at"`
	Skipped    string       `json:"skipped,omitempty"`    // why nothing was saved, in the request's words
	Exported   int          `json:"exported"`             // assets, in bundles
	Described  int          `json:"described"`            // assets that bundles do not take, as QuickSight describes them
	Failed     int          `json:"failed"`               // assets that could not be saved
	Backups    ListRef      `json:"backups"`              // of Backup: what became of each asset of the plan
	Objects    ListRef      `json:"objects"`              // of Saved
	Impossible []Impossible `json:"impossible,omitempty"` // what no API gives out
}

// Backup is what became of one asset of a plan.
type Backup struct {
	ARN     string     `json:"arn"`
	Kind    string     `json:"kind"`
	Region  string     `json:"region"`
	Updated *time.Time `json:"updated,omitempty"` // as the plan has it
	As      BackupKind `json:"as"`
	Object  string     `json:"object,omitempty"`  // where it was saved
	Code    string     `json:"code,omitempty"`    // where it failed: the service's error
	Message string     `json:"message,omitempty"` // in the service's words
}

// BackupKind is how an asset was saved.
type BackupKind string

// The kinds.
const (
	InBundle      BackupKind = "bundle"
	InDescription BackupKind = "description"
	NotPossible   BackupKind = "impossible" // QuickSight neither exports nor describes it
	NotSaved      BackupKind = "failed"
)

// Saved is an object of the closing folder that holds assets.
type Saved struct {
	Name   string `json:"name"` // below the closing folder
	Region string `json:"region"`
	SHA256 string `json:"sha256"` // hex
	Bytes  int64  `json:"bytes"`
	N      int    `json:"n"` // assets
}

// Impossible is a part of an account that cannot be saved.
type Impossible struct {
	What string `json:"what"`
	Why  string `json:"why"`
}

// Unsaved is an asset that could not be saved. As a fact of a plan it is approved like any other.
type Unsaved struct {
	ARN     string `json:"arn"`
	Code    string `json:"code"`    // the service's error
	Message string `json:"message"` // in the service's words; they may differ from time to time
}

// Sum is "sha256:" and the hex SHA-256 of the canonical JSON of m.
func (m Manifest) Sum() string {
	sum := sha256.Sum256(Canonical(m))
	return "sha256:" + hex.EncodeToString(sum[:])
}
