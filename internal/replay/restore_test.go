package replay

import (
	"context"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkcredentials "github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"quicksight-unsubscribe/internal/closing"
	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/record"
	"quicksight-unsubscribe/internal/step"
)

const (
	closedAccount = "222233334444"
	otherAccount  = "333344445555"
)

// rehearsal is an account that was closed, and a QuickSight account to restore it into.
type rehearsal struct {
	run      *Run
	folder   *record.Folder
	manifest closing.Manifest
	aws      *emulator.AWS
	target   aws.Config
	account  string
}

// rehearse closes the account with something of every kind, and signs up again: in the same account, or in another one.
func rehearse(t *testing.T, account string) rehearsal {
	t.Helper()
	s, err := Load(filepath.Join(events, "every-kind"))
	if err != nil {
		t.Fatal(err)
	}
	r := rehearsal{run: play(t, s, Options{}), account: account}
	store, _, err := r.run.archive()
	if err != nil {
		t.Fatal(err)
	}
	closed := r.run.Executions[0]
	r.folder = store.Folder(closed.Folder, closed.ARN)
	if r.manifest, err = step.CommittedManifest(t.Context(), r.folder); err != nil {
		t.Fatal(err)
	}
	world := r.run.After
	key := "AKIARESTORER"
	if account == closedAccount {
		key = "AKIAREDANA"
		world.Accounts[account].QuickSight = &emulator.QuickSight{}
		world.Accounts[account].Principals = append(world.Accounts[account].Principals, emulator.Credential{AccessKeyID: key, ARN: "arn:aws:iam::" + account + ":user/ana"})
		world.Accounts[account].Users = map[string]*emulator.User{"ana": {}}
	}
	if r.aws, err = emulator.New(emulator.Options{World: world}); err != nil {
		t.Fatal(err)
	}
	r.target = aws.Config{
		Region: "us-east-1", HTTPClient: &http.Client{Transport: r.aws},
		Credentials: sdkcredentials.NewStaticCredentialsProvider(key, emulator.DefaultSecret, ""),
	}
	return r
}

func (r rehearsal) restore(connections ...step.Connection) (step.Restored, error) {
	return step.Restore(context.Background(), r.folder, r.manifest, r.target, step.Restoring{Account: r.account, Connections: connections, Tell: func(string) {}})
}

// compare compares what there was with what there is.
func (r rehearsal) compare(t *testing.T) {
	t.Helper()
	want, got := exportable(r.run.Before, closedAccount), exportable(r.aws.World(), r.account)
	if diff := cmp.Diff(want, got); diff != "" || len(want) < 12 {
		t.Errorf("there were %d assets (-want +got):\n%s", len(want), diff)
	}
}

// Ensure that what was exported comes back: export, close, sign up again, import, and compare what there is. What does not come back is said.
func TestRestore(t *testing.T) {
	t.Parallel()
	t.Run("into the same account", func(t *testing.T) {
		t.Parallel()
		r := rehearse(t, closedAccount)
		restored, err := r.restore()
		if err != nil || len(restored.Refused) > 0 {
			t.Fatalf("%v, refused %v", err, restored.Refused)
		}
		r.compare(t)
		if len(restored.Manual) == 0 || len(restored.Lost) == 0 {
			t.Error("the restore does not say what did not come back")
		}
	})
	t.Run("into another account", func(t *testing.T) {
		t.Parallel()
		r := rehearse(t, otherAccount)
		restored, err := r.restore()
		if err != nil || len(restored.Refused) != 1 || !strings.Contains(restored.Refused[0].Message, "--vpc-connection lake=") {
			t.Fatalf("%v, refused %v, want the one VPC connection and how to say where it leads", err, restored.Refused)
		}
		// The same again, with what it asked for: what is there is replaced.
		lake, err := step.ParseConnection("lake=subnet-0ccc000000000001,sg-0ccc000000000001,arn:aws:iam::333344445555:role/quicksight-vpc")
		if err != nil {
			t.Fatal(err)
		}
		if restored, err = r.restore(lake); err != nil || len(restored.Refused) > 0 {
			t.Fatalf("%v, refused %v", err, restored.Refused)
		}
		r.compare(t)
		if c := r.aws.World().Accounts[otherAccount].QuickSight.Regions["us-east-1"].VPCConnections[0]; c.VPCID != "vpc-0ccc000000000001" || c.RoleARN != lake.Role {
			t.Errorf("the connection leads to %+v", c)
		}
	})
}

// Ensure that a bundle which is not what was saved is not imported.
func TestRestoreRefusesATamperedBundle(t *testing.T) {
	t.Parallel()
	r := rehearse(t, closedAccount)
	objects, err := record.First[closing.Saved](t.Context(), r.folder, r.manifest.Objects, 1)
	if err != nil || !strings.HasSuffix(objects[0].Name, ".qs") {
		t.Fatal(objects, err)
	}
	err = r.run.aws.Change(func(w *emulator.World) {
		w.Accounts[w.Hub].Buckets[r.run.hub.bucket()].Objects[r.folder.Key(objects[0].Name)] = &emulator.Object{
			Versions: []emulator.ObjectVersion{{ID: "planted", Body: []byte("another bundle"), Modified: w.Now}},
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	store, _, err := r.run.archive()
	if err != nil {
		t.Fatal(err)
	}
	r.folder = store.Folder(r.run.Executions[0].Folder, r.run.Executions[0].ARN)
	restored, err := r.restore()
	if closing.CodeOf(err) != closing.RecordInvalid || !strings.Contains(err.Error(), objects[0].Name) || len(restored.Imported) > 0 {
		t.Errorf("got %v after %d bundles, want a refusal that names %s", err, len(restored.Imported), objects[0].Name)
	}
}

// exportable are the assets that bundles take, without the account that they are of.
func exportable(w *emulator.World, account string) []string {
	var all []string
	for name, region := range w.Accounts[account].QuickSight.Regions {
		for _, list := range [][]*emulator.Asset{region.Dashboards, region.Analyses, region.DataSets, region.DataSources, region.Folders, region.Themes} {
			for _, a := range list {
				all = append(all, strings.ReplaceAll(a.ARN, account, "")+" "+a.Name+" "+strings.Join(a.RefreshSchedules, ","))
			}
		}
		for _, c := range region.VPCConnections {
			all = append(all, name+" vpcConnection "+c.ID+" "+c.Name)
		}
	}
	slices.Sort(all)
	return all
}
