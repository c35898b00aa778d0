package closing

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Plan is what a closing would destroy. Only Material is approved and hashed; Observed is shown beside it.
type Plan struct {
	Version   int      `json:"version"` // of this JSON, 1
	Execution string   `json:"execution"`
	Round     int      `json:"round"`
	Digest    string   `json:"digest"` // Material.Digest()
	Material  Material `json:"material"`
	Observed  Observed `json:"observed"`
}

// Material holds the facts that an approval binds. Two inventories of an unchanged account give equal bytes: every list is
// sorted by Sort, and nothing here changes by itself.
type Material struct {
	AccountID      string          `json:"accountId"`
	IdentityRegion string          `json:"identityRegion,omitempty"` // "" where there is no subscription
	Subscription   *Subscription   `json:"subscription,omitempty"`   // nil where there is none
	Namespaces     []Namespace     `json:"namespaces,omitempty"`
	Assets         ListRef         `json:"assets"`             // of Asset: everything that dies, users included
	Contents       []Content       `json:"contents,omitempty"` // the same in numbers
	VPCConnections []VPCConnection `json:"vpcConnections,omitempty"`
	Directory      Directory       `json:"directory"`
	VPC            VPC             `json:"vpc"`
	NotReadable    []NotReadable   `json:"notReadable,omitempty"` // what may exist and will be destroyed unseen
	NotSaved       string          `json:"notSaved,omitempty"`    // why assets will not be saved first, in the request's words
	Unsaved        ListRef         `json:"unsaved,omitzero"`      // of Unsaved: assets that an earlier round could not save
	NotBefore      *time.Time      `json:"notBefore,omitempty"`
	Fleet          []Member        `json:"fleet,omitempty"` // of a fleet, which has nothing else
}

// Subscription is the QuickSight account itself.
type Subscription struct {
	Status                string `json:"status"` // as AWS spells it
	AccountName           string `json:"accountName,omitempty"`
	Edition               string `json:"edition,omitempty"`
	AuthenticationType    string `json:"authenticationType,omitempty"`
	NotificationEmail     string `json:"notificationEmail,omitempty"`
	DefaultNamespace      string `json:"defaultNamespace,omitempty"`
	IdentityCenter        string `json:"identityCenter,omitempty"` // ARN of the IAM Identity Center instance
	PublicSharing         bool   `json:"publicSharing"`
	TerminationProtection bool   `json:"terminationProtection"` // as found: what finish-run restores
}

// Namespace is a QuickSight namespace. The default one goes with the subscription.
type Namespace struct {
	Name           string `json:"name"`
	CapacityRegion string `json:"capacityRegion,omitempty"`
	Application    string `json:"application,omitempty"` // ARN of its IAM Identity Center application
}

// Asset is a dashboard, a dataset, a user, or anything else with an ARN that dies with the account.
type Asset struct {
	ARN     string     `json:"arn"`
	Kind    string     `json:"kind"` // "dashboard", "analysis", "dataset", "refresh-schedule", "user", … (package step lists them)
	Region  string     `json:"region"`
	Name    string     `json:"name,omitempty"`
	Role    string     `json:"role,omitempty"`    // of a user
	Updated *time.Time `json:"updated,omitempty"` // absent where the API does not say
}

// Content is how many assets of a kind a region holds, users by their role.
type Content struct {
	Region string   `json:"region"`
	Kind   string   `json:"kind"`
	Role   string   `json:"role,omitempty"`
	N      int      `json:"n"`
	First  []string `json:"first"` // names of the first, at most MaxFirst
}

// MaxFirst is how many names stand beside a number.
const MaxFirst = 5

// Add counts an asset that comes after all that were added before.
func (m *Material) Add(a Asset) {
	i := len(m.Contents) - 1
	for i >= 0 && (m.Contents[i].Region != a.Region || m.Contents[i].Kind != a.Kind || m.Contents[i].Role != a.Role) {
		i--
	}
	if i < 0 {
		m.Contents, i = append(m.Contents, Content{Region: a.Region, Kind: a.Kind, Role: a.Role}), len(m.Contents)
	}
	c := &m.Contents[i]
	if c.N++; len(c.First) < MaxFirst {
		c.First = append(c.First, cmp.Or(a.Name, a.ARN[strings.LastIndex(a.ARN, "/")+1:]))
	}
}

// Count is how many assets of a kind there are.
func (m Material) Count(kind string) int {
	n := 0
	for _, c := range m.Contents {
		if c.Kind == kind {
			n += c.N
		}
	}
	return n
}

// VPCConnection is a QuickSight VPC connection; it is deleted before the subscription.
type VPCConnection struct {
	Region     string   `json:"region"`
	ID         string   `json:"id"`
	ARN        string   `json:"arn"`
	VPC        string   `json:"vpc,omitempty"`
	Role       string   `json:"role,omitempty"`
	Interfaces []string `json:"interfaces,omitempty"`
}

// Fate is what becomes of a directory or a VPC.
type Fate string

// The fates. A zero Fate means that there is none.
const (
	FateNone   Fate = "none"   // there is nothing to decide on
	FateKeep   Fate = "keep"   // it stays, and Why says why
	FateDelete Fate = "delete" // it goes, with everything that Resources names
)

// Directory is what becomes of the Simple AD directory.
type Directory struct {
	Fate          Fate     `json:"fate"`
	Why           string   `json:"why,omitempty"`
	ID            string   `json:"id,omitempty"`
	Region        string   `json:"region,omitempty"`
	Type          string   `json:"type,omitempty"`
	Name          string   `json:"name,omitempty"`
	VPC           string   `json:"vpc,omitempty"`
	SecurityGroup string   `json:"securityGroup,omitempty"` // goes with the directory, by AWS's own doing
	Interfaces    []string `json:"interfaces,omitempty"`    // likewise
}

// VPC is what becomes of the VPC that the directory lived in.
type VPC struct {
	Fate      Fate       `json:"fate"`
	Why       string     `json:"why,omitempty"`
	ID        string     `json:"id,omitempty"`
	Region    string     `json:"region,omitempty"`
	CIDR      string     `json:"cidr,omitempty"`
	Resources []Resource `json:"resources,omitempty"` // ours to delete: nothing that is not named here is
	Left      []Resource `json:"left,omitempty"`      // reported and left: addresses, DHCP options, flow logs
}

// Resource is one thing of EC2's.
type Resource struct {
	// Kind is as in the id's prefix: "subnet", "sg", "igw", "nat", "vpce", "rtb", "rtbassoc", "acl", "eigw", "eni", "eipalloc", "dopt", "fl".
	Kind string `json:"kind"`
	ID   string `json:"id"`
}

// KindGroupRules is of a default security group, which goes with its VPC alone: only its rules go that name groups to be deleted before.
const KindGroupRules = "sgrules"

// String is the resource as people read it.
func (r Resource) String() string {
	if r.Kind == KindGroupRules {
		return "rules of the default security group " + r.ID + " that name others"
	}
	return r.Kind + " " + r.ID
}

// NotReadable is a kind of asset in a region that could not be listed. It is never read as "none".
type NotReadable struct {
	Kind   string `json:"kind"`
	Region string `json:"region"`
	Reason string `json:"reason"` // stable words, and the service's error code
}

// Observed is shown to the approver and never hashed: it changes by itself.
type Observed struct {
	At        time.Time  `json:"at"`
	Evidence  []Evidence `json:"evidence,omitempty"`
	Blockers  []Blocker  `json:"blockers,omitempty"` // empty: closable
	Advice    []string   `json:"advice,omitempty"`   // what the approver should know: permissions that the preflight doubts
	Requester string     `json:"requester,omitempty"`

	// What follows from closing. The last three are read for the first round, and taken over into the next.
	InSpice int         `json:"inSpice,omitempty"` // datasets whose rows SPICE holds
	Uses    []Use       `json:"uses,omitempty"`    // of each region that holds anything, and of the identity region
	Sharing []Sharing   `json:"sharing,omitempty"` // of each region with dashboards, where public sharing is on
	Remains []Remainder `json:"remains,omitempty"` // by kind

	Apart []Apart `json:"apart,omitempty"` // of a fleet: the accounts that were asked for and are not in its plan
}

// Evidence is one fact for or against an assumption that no API states.
type Evidence struct {
	About string `json:"about"` // "starter", or the id of a directory or VPC
	Fact  string `json:"fact"`
	For   bool   `json:"for"` // false: speaks against
}

// Blocker is why a plan cannot be carried out, with the input that gets around it where one does.
type Blocker struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Paste   string `json:"paste,omitempty"` // exact JSON to start the next execution with
}

// Sort orders every list, so that equal accounts give equal bytes.
func (m *Material) Sort() {
	slices.SortFunc(m.Namespaces, func(a, b Namespace) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(m.Contents, func(a, b Content) int {
		return cmp.Or(strings.Compare(a.Region, b.Region), strings.Compare(a.Kind, b.Kind), strings.Compare(a.Role, b.Role))
	})
	slices.SortFunc(m.VPCConnections, func(a, b VPCConnection) int { return strings.Compare(a.ARN, b.ARN) })
	for i := range m.VPCConnections {
		slices.Sort(m.VPCConnections[i].Interfaces)
	}
	slices.SortFunc(m.NotReadable, func(a, b NotReadable) int {
		return strings.Compare(a.Kind+"\x00"+a.Region, b.Kind+"\x00"+b.Region)
	})
	slices.Sort(m.Directory.Interfaces)
	byKind := func(a, b Resource) int { return strings.Compare(a.Kind+"\x00"+a.ID, b.Kind+"\x00"+b.ID) }
	slices.SortFunc(m.VPC.Resources, byKind)
	slices.SortFunc(m.VPC.Left, byKind)
}

// Digest is "sha256:" and the hex SHA-256 of the canonical JSON of m.
func (m Material) Digest() string {
	sum := sha256.Sum256(Canonical(m))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// NothingToClose tells whether neither a subscription nor anything that it left is there to delete.
func (m Material) NothingToClose() bool {
	return len(m.Fleet) == 0 && m.Subscription == nil && m.Directory.Fate != FateDelete && m.VPC.Fate != FateDelete
}

// Names tells whether the plan names the resource with this id or ARN, that is, whether an approval of it covers deleting it.
func (m Material) Names(id string) bool {
	if id == "" {
		return false
	}
	if m.Subscription != nil && id == m.AccountID {
		return true
	}
	if m.Directory.Fate == FateDelete && (id == m.Directory.ID || id == m.Directory.SecurityGroup || slices.Contains(m.Directory.Interfaces, id)) {
		return true
	}
	if m.VPC.Fate == FateDelete && (id == m.VPC.ID || slices.ContainsFunc(m.VPC.Resources, func(r Resource) bool { return r.ID == id })) {
		return true
	}
	return slices.ContainsFunc(m.VPCConnections, func(c VPCConnection) bool { return id == c.ID || id == c.ARN }) ||
		slices.ContainsFunc(m.Namespaces, func(n Namespace) bool { return id == n.Name && n.Name != m.defaultNamespace() })
}

// SecondaryNamespaces are those that must be deleted before the subscription: all but the default one.
func (m Material) SecondaryNamespaces() []Namespace {
	return slices.DeleteFunc(slices.Clone(m.Namespaces), func(n Namespace) bool { return n.Name == m.defaultNamespace() })
}

func (m Material) defaultNamespace() string {
	if m.Subscription != nil && m.Subscription.DefaultNamespace != "" {
		return m.Subscription.DefaultNamespace
	}
	return "default"
}

// Canonical is the canonical JSON of v: keys sorted, no white space, numbers as Go prints them, no HTML escaping.
// v must be made of the types that encoding/json takes; anything else is a programming error and panics.
func Canonical(v any) []byte {
	first, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("closing: canonical JSON of %T: %v", v, err))
	}
	dec := json.NewDecoder(bytes.NewReader(first))
	dec.UseNumber()
	var tree any // maps, whose keys encoding/json sorts
	if err := dec.Decode(&tree); err != nil {
		panic(fmt.Sprintf("closing: canonical JSON of %T: %v", v, err))
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(tree); err != nil {
		panic(fmt.Sprintf("closing: canonical JSON of %T: %v", v, err))
	}
	return bytes.TrimSpace(out.Bytes())
}
