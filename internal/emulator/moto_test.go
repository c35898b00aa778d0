package emulator

import (
	"bufio"
	"encoding/json"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// knownDifference is where moto and the emulator disagree, and the page of AWS's that says who is right.
type knownDifference struct{ moto, emulator, page string }

// moto deletes what is still in use; what follows from that is listed with it.
var knownDifferences = map[string]knownDifference{
	"delete a subnet with an interface": {"ok", "DependencyViolation", deletingSubnets},
	"delete the second subnet":          {"InvalidSubnetID.NotFound", "ok", deletingSubnets}, // moto has deleted it by then
	"delete the default group":          {"ok", "CannotDelete", "https://docs.aws.amazon.com/vpc/latest/userguide/default-security-group.html"},
	"delete a group that is named":      {"ok", "DependencyViolation", deletingGroups},
	"delete a group that is used":       {"ok", "DependencyViolation", deletingGroups},
	"revoke the reference":              {"InvalidGroup.NotFound", "ok", deletingGroups}, // and so with the groups
	"delete the second group":           {"InvalidGroup.NotFound", "ok", deletingGroups},
	"delete the first group":            {"InvalidGroup.NotFound", "ok", deletingGroups},
	"delete the main route table":       {"ok", "DependencyViolation", "https://docs.aws.amazon.com/vpc/latest/userguide/WorkWithRouteTables.html"},
	// moto keeps the association of a subnet that is gone.
	"delete the route table": {"DependencyViolation", "ok", "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteRouteTable.html"},
	"delete the VPC":         {"DependencyViolation", "ok", deletingVPCs}, // and so the VPC
	"delete the VPC again":   {"DependencyViolation", "InvalidVpcID.NotFound", deletingVPCs},

	"describe no directory":         {"1", "InvalidParameterException", "https://docs.aws.amazon.com/directoryservice/latest/devguide/API_DescribeDirectories.html"},
	"describe a Simple AD's trusts": {"0", "UnsupportedOperationException", "https://docs.aws.amazon.com/directoryservice/latest/devguide/API_DescribeTrusts.html"},
	// "It takes several minutes to delete the directory." moto's is gone at once, with its interfaces.
	"describe the directory that goes": {"0", "1", deletingDirectories},
	"delete the directory again":       {"EntityDoesNotExistException", "ClientException", deletingDirectories},
	"its interfaces when it goes":      {"0", "2", deletingDirectories},

	"assume a role that is not there": {"ok", "AccessDenied", "https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html"},
}

const (
	deletingDirectories = "https://docs.aws.amazon.com/directoryservice/latest/admin-guide/simple_ad_delete.html"

	deletingVPCs    = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteVpc.html"
	deletingSubnets = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSubnet.html"
	deletingGroups  = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSecurityGroup.html"
)

// pythonWithMoto finds the one that make moto has installed, or the machine's own.
func pythonWithMoto(t *testing.T) string {
	t.Helper()
	for _, python := range []string{filepath.Join("..", "..", "build", "moto", "bin", "python"), "python3"} {
		if exec.CommandContext(t.Context(), python, "-c", "import moto.server, boto3").Run() == nil {
			return python
		}
	}
	t.Skip("python3 has no moto: no second opinion (make moto)")
	return ""
}

// Moto is a second opinion on EC2, Directory Service, S3 and STS: both are asked the same, in the same account.
func TestMoto(t *testing.T) {
	t.Parallel()
	python := pythonWithMoto(t)
	command := exec.CommandContext(t.Context(), python, filepath.Join("testdata", "second_opinion.py"))
	command.Stderr = t.Output()
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	account, err := lines.ReadString('\n')
	if err != nil {
		t.Fatalf("moto built nothing: %v", err)
	}
	lab := newNetworkLab(t, strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(account), "{"), "}"), Options{})
	server := httptest.NewServer(lab.aws)
	t.Cleanup(server.Close)
	if _, err := in.Write([]byte(server.URL + "\n")); err != nil {
		t.Fatal(err)
	}
	var answers []struct{ Step, Moto, Emulator string }
	if err := json.NewDecoder(lines).Decode(&answers); err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); err != nil {
		t.Fatal(err)
	}
	met := map[string]bool{}
	for _, a := range answers {
		known, listed := knownDifferences[a.Step]
		met[a.Step] = true
		switch {
		case listed && known.page == "":
			t.Errorf("%s: no page of AWS's says who is right", a.Step)
		case a.Moto == a.Emulator && listed:
			t.Errorf("%s: both answer %s: the known difference is gone", a.Step, a.Moto)
		case a.Moto != a.Emulator && (!listed || known.moto != a.Moto || known.emulator != a.Emulator):
			t.Errorf("%s: moto answers %s, the emulator %s", a.Step, a.Moto, a.Emulator)
		}
	}
	for step := range knownDifferences {
		if !met[step] {
			t.Errorf("nobody asks %q any more", step)
		}
	}
	t.Logf("%d questions, %d known differences", len(answers), len(knownDifferences))
}
