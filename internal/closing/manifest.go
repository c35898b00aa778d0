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
	Exported   []Saved      `json:"exported,omitempty"`   // asset bundles, in the order in which they can be imported
	Described  []Saved      `json:"described,omitempty"`  // what bundles do not take, as QuickSight describes it
	Impossible []Impossible `json:"impossible,omitempty"` // what no API gives out
	Failed     []Unsaved    `json:"failed,omitempty"`
}

// Saved is an object of the closing folder that holds assets.
type Saved struct {
	Name   string   `json:"name"` // below the closing folder
	Region string   `json:"region"`
	SHA256 string   `json:"sha256"` // hex
	Bytes  int64    `json:"bytes"`
	ARNs   []string `json:"arns"`
}

// Impossible is a part of an account that cannot be saved.
type Impossible struct {
	What string   `json:"what"`
	Why  string   `json:"why"`
	ARNs []string `json:"arns,omitempty"`
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

// Covers lists the assets of which the manifest says what became of them.
func (m Manifest) Covers() map[string]bool {
	covered := map[string]bool{}
	for _, part := range [][]Saved{m.Exported, m.Described} {
		for _, s := range part {
			for _, arn := range s.ARNs {
				covered[arn] = true
			}
		}
	}
	for _, i := range m.Impossible {
		for _, arn := range i.ARNs {
			covered[arn] = true
		}
	}
	for _, f := range m.Failed {
		covered[f.ARN] = true
	}
	return covered
}
