package step

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseConnection(t *testing.T) {
	t.Parallel()
	const role = "arn:aws:iam::333344445555:role/quicksight-vpc"
	got, err := ParseConnection("lake=subnet-1,subnet-2,sg-1," + role)
	want := Connection{ID: "lake", Subnets: []string{"subnet-1", "subnet-2"}, SecurityGroups: []string{"sg-1"}, Role: role}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v, (-want +got):\n%s", err, diff)
	}
	for _, text := range []string{"", "lake", "lake=", "=subnet-1,sg-1", "lake=subnet-1", "lake=sg-1", "lake=subnet-1,sg-1,vpc-1", "lake=subnet-1,sg-1," + role + "," + role} {
		if c, err := ParseConnection(text); err == nil {
			t.Errorf("%q was read as %+v", text, c)
		}
	}
}
