package emulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// World is all that AWS knows: a few accounts. It is plain data, written by hand as JSON, and at the same time the emulator's live
// state; omitted parts have AWS's defaults.
type World struct {
	Now                 time.Time           `json:"now"`                           // the virtual clock's start
	Hub                 string              `json:"hub,omitempty"`                 // the account that default role trust admits
	Organization        string              `json:"organization,omitempty"`        // id of the organization that all accounts belong to
	Management          string              `json:"management,omitempty"`          // the organization's management account
	Delegated           string              `json:"delegated,omitempty"`           // the account that may read the organization for it
	OrganizationalUnits map[string]string   `json:"organizationalUnits,omitempty"` // each one's parent; empty: the root
	Accounts            map[string]*Account `json:"accounts"`
	Sessions            map[string]*Session `json:"sessions,omitempty"` // assumed roles, by access key
}

// Account is one AWS account.
type Account struct {
	Name              string              `json:"name,omitempty"`
	Alias             string              `json:"alias,omitempty"`
	Email             string              `json:"email,omitempty"`
	OrganizationsUnit string              `json:"organizationsUnit,omitempty"` // the one it is in; empty: the root
	Tags              map[string]string   `json:"tags,omitempty"`              // of the account in its organization
	QuickSightCost    string              `json:"quickSightCost,omitempty"`    // in USD, in every month
	Regions           Regions             `json:"regions,omitzero"`
	SCPs              []Policy            `json:"scps,omitempty"` // service control policies that apply to the account
	Principals        []Credential        `json:"principals,omitempty"`
	Roles             map[string]*Role    `json:"roles,omitempty"`
	Users             map[string]*User    `json:"users,omitempty"`
	ManagedPolicies   []string            `json:"managedPolicies,omitempty"` // its own ones, by path and name, such as "/service-role/AWSQuickSightS3Policy"
	QuickSight        *QuickSight         `json:"quickSight,omitempty"`      // nil: never subscribed
	Directories       []*Directory        `json:"directories,omitempty"`     // Directory Service
	Workloads         []*Workload         `json:"workloads,omitempty"`       // of other services
	Network           map[string]*Network `json:"network,omitempty"`         // EC2, by Region
	Trail             []TrailEvent        `json:"trail,omitempty"`           // CloudTrail's event history before the start
	TrailDelayMinutes *int                `json:"trailDelayMinutes,omitempty"`
	Buckets           map[string]*Bucket  `json:"buckets,omitempty"`
	Topics            []*Topic            `json:"topics,omitempty"`
	Parameters        map[string]string   `json:"parameters,omitempty"`       // Systems Manager, by name
	ResourcePolicies  map[string]*Policy  `json:"resourcePolicies,omitempty"` // of KMS keys and SQS queues, by ARN
}

// Regions says which Regions an account can use beside those that every account can.
type Regions struct {
	Enabled []string `json:"enabled,omitempty"` // opt-in Regions; a new account has none
}

// Credential is a long-lived access key.
type Credential struct {
	AccessKeyID     string `json:"accessKeyId"`
	SecretAccessKey string `json:"secretAccessKey,omitempty"` // default: DefaultSecret
	ARN             string `json:"arn"`                       // IAM user, root user, or a role's session that the replay plays
}

// DefaultSecret is the secret of every access key for which the world names none.
const DefaultSecret = "emulated-secret-access-key"

// Role is an IAM role. Without Policies its identity policies allow everything.
type Role struct {
	Path     string   `json:"path,omitempty"`    // default "/"
	Trust    *Policy  `json:"trust,omitempty"`   // default: the own account and the hub
	Policies []Policy `json:"policies,omitzero"` // an empty list allows nothing
	Boundary *Policy  `json:"boundary,omitempty"`
}

// User is an IAM user. Without Policies its identity policies allow everything.
type User struct {
	Path     string   `json:"path,omitempty"`
	Policies []Policy `json:"policies,omitzero"` // an empty list allows nothing
	Boundary *Policy  `json:"boundary,omitempty"`
}

// ParseWorld reads a world strictly: an unknown field is an error.
func ParseWorld(data []byte) (*World, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	var w World
	if err := decoder.Decode(&w); err != nil {
		return nil, fmt.Errorf("reading the world: %w", err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, errors.New("reading the world: more than one JSON value")
	}
	if err := w.Clone().complete(); err != nil { // validate a copy: defaults are New's business
		return nil, fmt.Errorf("reading the world: %w", err)
	}
	return &w, nil
}

// Clone is a copy that nothing of the world is shared with.
func (w *World) Clone() *World { return deepCopy(w) }

// withoutBuckets is a copy without S3's objects, which are most of a run's bytes, and without sessions.
func (w *World) withoutBuckets() *World {
	slim := *w
	slim.Sessions = nil
	slim.Accounts = make(map[string]*Account, len(w.Accounts))
	for id, account := range w.Accounts {
		copied := *account
		copied.Buckets = nil
		slim.Accounts[id] = &copied
	}
	return slim.Clone()
}

var accountID = regexp.MustCompile(`^[0-9]{12}$`)

// complete checks the world and fills in defaults; it may run again on a complete world.
func (w *World) complete() error {
	if w.Accounts == nil {
		w.Accounts = map[string]*Account{}
	}
	if w.Now.IsZero() {
		return errors.New("world: now is missing; give an RFC 3339 time")
	}
	keys := map[string]string{}
	for _, id := range sortedKeys(w.Accounts) {
		if !accountID.MatchString(id) {
			return fmt.Errorf("world: account %q is not 12 digits", id)
		}
		account := w.Accounts[id]
		if account == nil {
			return fmt.Errorf("world: account %s is null", id)
		}
		for i := range account.Principals {
			p := &account.Principals[i]
			if p.AccessKeyID == "" || !strings.Contains(p.ARN, ":"+id+":") {
				return fmt.Errorf("world: account %s: principal %d needs an accessKeyId and an ARN of the account, not %q", id, i+1, p.ARN)
			}
			if other, taken := keys[p.AccessKeyID]; taken {
				return fmt.Errorf("world: access key %s belongs to account %s and to account %s", p.AccessKeyID, other, id)
			}
			keys[p.AccessKeyID] = id
			if p.SecretAccessKey == "" {
				p.SecretAccessKey = DefaultSecret
			}
		}
		if err := account.complete(id, w.Now); err != nil {
			return fmt.Errorf("world: account %s: %w", id, err)
		}
	}
	return nil
}

func (account *Account) complete(id string, now time.Time) error {
	for i := range account.Trail {
		account.Trail[i].complete(id)
	}
	for _, w := range account.Workloads {
		if err := w.complete(); err != nil {
			return err
		}
	}
	for _, t := range account.Topics {
		if err := t.complete(id); err != nil {
			return err
		}
	}
	if account.QuickSight != nil {
		if err := account.QuickSight.complete(account, id, now); err != nil {
			return err
		}
	}
	return account.completeNetworks(id, now)
}

// settle applies what asynchronous work has reached by now.
func (w *World) settle(a *AWS, now time.Time) {
	for _, id := range sortedKeys(w.Accounts) {
		w.Accounts[id].settle(a, id, now)
	}
}

func (account *Account) settle(a *AWS, id string, now time.Time) {
	if account.QuickSight != nil {
		account.QuickSight.settle(account, now)
	}
	account.settleNetworks(a, id, now)
}

// trust is the role's trust policy, or the default: the own account and the hub, as their administrators see fit.
func (w *World) trust(account string, role *Role) *Policy {
	if role.Trust != nil {
		return role.Trust
	}
	admitted := stringList{"arn:aws:iam::" + account + ":root"}
	if w.Hub != "" && w.Hub != account {
		admitted = append(admitted, "arn:aws:iam::"+w.Hub+":root")
	}
	return &Policy{Statement: []Statement{{Effect: "Allow", Principal: principals{"AWS": admitted}, Action: stringList{"sts:AssumeRole"}}}}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
