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

	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/step"
)

// Ensure that what was exported comes back: export, close, sign up again, import, and compare what there is.
func TestRestore(t *testing.T) {
	t.Parallel()
	s, err := Load(filepath.Join(events, "every-kind"))
	if err != nil {
		t.Fatal(err)
	}
	run := play(t, s, Options{})
	store, _, err := run.archive()
	if err != nil {
		t.Fatal(err)
	}
	closed := run.Executions[0]
	folder := store.Folder(closed.Folder, closed.ARN)
	manifest, err := step.CommittedManifest(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	const account, key = "222233334444", "AKIARESTORER"
	world := run.After
	world.Accounts[account].QuickSight = &emulator.QuickSight{}
	world.Accounts[account].Principals = append(world.Accounts[account].Principals, emulator.Credential{AccessKeyID: key, ARN: "arn:aws:iam::" + account + ":user/ana"})
	world.Accounts[account].Users = map[string]*emulator.User{"ana": {}}
	again, err := emulator.New(emulator.Options{World: world})
	if err != nil {
		t.Fatal(err)
	}
	target := aws.Config{
		Region: "us-east-1", HTTPClient: &http.Client{Transport: again},
		Credentials: sdkcredentials.NewStaticCredentialsProvider(key, emulator.DefaultSecret, ""),
	}
	restored, err := step.Restore(context.Background(), folder, manifest, target, account, "", func(string) {})
	if err != nil || len(restored.Refused) > 0 {
		t.Fatalf("%v, refused %v", err, restored.Refused)
	}
	want, got := exportable(run.Before, account), exportable(again.World(), account)
	if !slices.Equal(want, got) || len(want) == 0 {
		t.Errorf("there were\n%s\nand there are\n%s", strings.Join(want, "\n"), strings.Join(got, "\n"))
	}
	if len(restored.Manual) == 0 || len(restored.Lost) == 0 {
		t.Error("the restore does not say what did not come back")
	}
}

// exportable are the assets that bundles take.
func exportable(w *emulator.World, account string) []string {
	var arns []string
	for _, region := range w.Accounts[account].QuickSight.Regions {
		for _, list := range [][]*emulator.Asset{region.Dashboards, region.Analyses, region.DataSets, region.DataSources, region.Folders, region.Themes} {
			for _, a := range list {
				arns = append(arns, a.ARN+" "+a.Name+" "+strings.Join(a.RefreshSchedules, ","))
			}
		}
	}
	slices.Sort(arns)
	return arns
}
