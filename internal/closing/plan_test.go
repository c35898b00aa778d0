package closing

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// account is a plan's material with something of everything.
func account() Material {
	m := Material{
		AccountID: "222233334444", IdentityRegion: "us-east-1",
		Subscription:   &Subscription{Status: "ACCOUNT_CREATED", AccountName: "acme", Edition: "ENTERPRISE", TerminationProtection: true},
		Namespaces:     []Namespace{{Name: "default"}, {Name: "sales"}},
		Assets:         ListRef{N: 3, SHA256: "abc"},
		VPCConnections: []VPCConnection{{Region: "us-east-1", ID: "c1", ARN: "arn:vpcConnection/c1", VPC: "vpc-1", Interfaces: []string{"eni-2", "eni-1"}}},
		Directory:      Directory{Fate: FateDelete, ID: "d-1", Region: "us-east-1", Type: "SimpleAD", VPC: "vpc-1", SecurityGroup: "sg-d", Interfaces: []string{"eni-4", "eni-3"}},
		VPC: VPC{
			Fate: FateDelete, ID: "vpc-1", Region: "us-east-1", CIDR: "10.0.0.0/16",
			Resources: []Resource{{Kind: "subnet", ID: "subnet-2"}, {Kind: "subnet", ID: "subnet-1"}, {Kind: "internet-gateway", ID: "igw-1"}},
		},
		NotReadable: []NotReadable{{Kind: "topic", Region: "eu-west-1", Reason: "AccessDeniedException"}},
	}
	for _, a := range []Asset{
		{ARN: "arn:dataset/1", Kind: "dataset", Region: "eu-west-1"},
		{ARN: "arn:dashboard/1", Kind: "dashboard", Region: "us-east-1", Name: "Sales"},
		{ARN: "arn:user/ann", Kind: "user", Role: "ADMIN", Region: "us-east-1"},
	} {
		m.Add(a)
	}
	m.Sort()
	return m
}

func TestCanonical(t *testing.T) {
	t.Parallel()
	type inner struct {
		B string  `json:"b"`
		A float64 `json:"a"`
	}
	got := string(Canonical(map[string]any{"z": inner{"<&>", 1.5}, "a": []any{nil, true, int64(9007199254740993)}}))
	if want := `{"a":[null,true,9007199254740993],"z":{"a":1.5,"b":"<&>"}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Ensure that the order in which AWS lists things, and a way through JSON and back, do not change a digest.
func TestDigestIsOfTheAccountAlone(t *testing.T) {
	t.Parallel()
	want := account().Digest()
	for seed := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, 0))
		m := account()
		shuffle(random, m.Namespaces)
		shuffle(random, m.Contents)
		shuffle(random, m.VPCConnections[0].Interfaces)
		shuffle(random, m.Directory.Interfaces)
		shuffle(random, m.VPC.Resources)
		m.Sort()
		text, err := json.MarshalIndent(m, "", "   ")
		if err != nil {
			t.Fatal(err)
		}
		var back Material
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		if got := back.Digest(); got != want {
			t.Fatalf("seed %d: got the digest %s, want %s, of %s", seed, got, want, text)
		}
	}
}

func shuffle[T any](random *rand.Rand, list []T) {
	random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
}

// changes are ways in which an account stops being the one that was approved, and what Drift says of each.
var changes = []struct {
	name   string
	change func(*Material)
	drift  string // "" for what does not ask again
}{
	{"protection", func(m *Material) { m.Subscription.TerminationProtection = false }, "changed subscription 222233334444"},
	{"identity region", func(m *Material) { m.IdentityRegion = "eu-west-1" }, "changed identity region 222233334444"},
	{"a new namespace", func(m *Material) { m.Namespaces = append(m.Namespaces, Namespace{Name: "web"}) }, "new namespace web"},
	{"a connection to another VPC", func(m *Material) { m.VPCConnections[0].VPC = "vpc-2" }, "changed VPC connection arn:vpcConnection/c1"},
	{"an interface of a connection", func(m *Material) { m.VPCConnections[0].Interfaces = []string{"eni-9"} }, ""},
	{"a new subnet", func(m *Material) { m.VPC.Resources = append(m.VPC.Resources, Resource{Kind: "subnet", ID: "subnet-3"}) }, "new subnet subnet-3"},
	{"a subnet gone", func(m *Material) { m.VPC.Resources = m.VPC.Resources[:1] }, ""},
	{"the directory kept", func(m *Material) { m.Directory.Fate = FateKeep }, ""},
	{"another directory", func(m *Material) { m.Directory.ID = "d-2" }, "new directory d-2"},
	{"another VPC", func(m *Material) { m.VPC.ID, m.VPC.Resources = "vpc-2", nil }, "new VPC vpc-2"},
	{"something unreadable", func(m *Material) {
		m.NotReadable = append(m.NotReadable, NotReadable{Kind: "theme", Region: "us-east-1"})
	}, "new not readable theme in us-east-1"},
	{"nothing saved", func(m *Material) { m.NotSaved = "sandbox" }, `changed not saved 222233334444: "sandbox", was ""`},
	{"other assets", func(m *Material) { m.Assets.SHA256 = "def" }, ""}, // AssetDrift tells which
	{"no subscription", func(m *Material) { m.Subscription = nil }, ""},
}

func TestDrift(t *testing.T) {
	t.Parallel()
	for _, tt := range changes {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			approved, now := account(), account()
			tt.change(&now)
			now.Sort()
			if approved.Digest() == now.Digest() {
				t.Error("the digest does not cover it")
			}
			drift := Drift(approved, now)
			switch {
			case tt.drift == "" && len(drift) > 0:
				t.Errorf("got %v, want no drift", drift)
			case tt.drift != "" && (len(drift) != 1 || !bytes.HasPrefix([]byte(drift[0].String()), []byte(tt.drift))):
				t.Errorf("got %v, want %q", drift, tt.drift)
			}
		})
	}
	if drift := Drift(account(), account()); drift != nil {
		t.Errorf("an account drifts from itself: %v", drift)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	m := account()
	for id, want := range map[string]bool{
		"": false, "222233334444": true, "sales": true, "default": false, "c1": true, "arn:vpcConnection/c1": true,
		"d-1": true, "sg-d": true, "eni-3": true, "eni-1": false, "vpc-1": true, "subnet-1": true, "subnet-9": false, "arn:user/ann": false,
	} {
		if got := m.Names(id); got != want {
			t.Errorf("Names(%q) = %t, want %t", id, got, want)
		}
	}
	m.Directory.Fate, m.VPC.Fate, m.Subscription = FateKeep, FateKeep, nil
	for _, id := range []string{"d-1", "sg-d", "eni-3", "vpc-1", "subnet-1", "222233334444"} {
		if m.Names(id) {
			t.Errorf("a plan that keeps it names %s", id)
		}
	}
	if diff := cmp.Diff([]Namespace{{Name: "sales"}}, m.SecondaryNamespaces()); diff != "" {
		t.Error(diff)
	}
	if !m.NothingToClose() || account().NothingToClose() {
		t.Error("NothingToClose is wrong")
	}
}
