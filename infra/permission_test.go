package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"quicksight-unsubscribe/internal/emulator"
	"quicksight-unsubscribe/internal/step"
	"quicksight-unsubscribe/internal/workflow"
)

const (
	hubID = "111122223333" // as the placeholders have it
	admin = "admin"
)

// deployed is an AWS with the roles and policies of both stacks, and an administrator of the hub, whose own policies allow everything.
func deployed(t *testing.T) *emulator.AWS {
	t.Helper()
	var p struct {
		Hub struct {
			Roles     map[string]any
			Resources map[string]any
		}
		Target struct{ Roles map[string]any }
	}
	if err := json.Unmarshal(workflow.Permissions, &p); err != nil {
		t.Fatal(err)
	}
	principals := []any{map[string]any{"accessKeyId": key(admin), "secretAccessKey": "secret", "arn": "arn:aws:iam::" + hubID + ":user/" + admin}}
	for _, f := range workflow.Functions() {
		principals = append(principals, map[string]any{
			"accessKeyId": key(f.Folder), "secretAccessKey": "secret", "arn": fmt.Sprintf("arn:aws:sts::%s:assumed-role/%s/%s", hubID, f.Name(), f.Name()),
		})
	}
	text, err := json.Marshal(map[string]any{
		"now": "2026-01-01T00:00:00Z", "hub": hubID,
		"accounts": map[string]any{
			hubID: map[string]any{
				"principals": principals, "roles": p.Hub.Roles,
				"buckets": map[string]any{workflow.Prefix + "-" + hubID: map[string]any{"policy": p.Hub.Resources["arn:aws:s3:::"+*bucket()]}},
			},
			targetAccount: map[string]any{"roles": p.Target.Roles},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	world, err := emulator.ParseWorld(text)
	if err != nil {
		t.Fatal(err)
	}
	a, err := emulator.New(emulator.Options{World: world, Now: func() time.Time { return world.Now }})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func key(who string) string { return "AKIA" + strings.ToUpper(strings.ReplaceAll(who, "-", "")) }

// as is the configuration of somebody's clients.
func as(a *emulator.AWS, who string) aws.Config {
	return aws.Config{
		Region: "us-east-1", HTTPClient: &http.Client{Transport: a}, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(key(who), "secret", ""),
	}
}

// refused tells whether AWS denied a call; anything else that goes wrong fails the test.
func refused(t *testing.T, err error) bool {
	t.Helper()
	var refusal smithy.APIError
	if errors.As(err, &refusal) && refusal.ErrorCode() == "AccessDenied" {
		return true
	}
	if err != nil {
		t.Fatal(err)
	}
	return false
}

// everybody are the functions and the administrator.
func everybody() []string {
	who := []string{admin}
	for _, f := range workflow.Functions() {
		who = append(who, f.Folder)
	}
	return who
}

// Ensure that each kind of object of the record has its writers and nobody else, whatever other policies allow.
func TestRecordHasItsWriters(t *testing.T) {
	const run, fleet = "closings/444455556666/20260101T000000Z-one/", "closings/fleet/20260101T000000Z-one/"
	want := map[string][]string{
		"closings/444455556666/lock.json":         {"finish-run", "verify-caller", "write-report"},
		run + "request.json":                      {"verify-caller"},
		"closings/444455556666/deliveries/1.json": {"verify-caller"},
		run + "verified.json":                     {"verify-caller"},
		run + "inventory-1.json":                  {"delete-subscription", "take-inventory"},
		run + "plan-1.json":                       {"commit-plan", "take-inventory"},
		run + "retake-1.json":                     {"take-inventory"},
		run + "ask-1.json":                        {"request-approval"},
		run + "token.json":                        {"request-approval"},
		run + "decisions/1/somebody.json":         {"decide-approval"},
		run + "export-1.json":                     {"export-assets"},
		run + "backup/us-east-1/1.qs":             {"export-assets"},
		run + "manifest-1.json":                   {"export-assets"},
		run + "seal.json":                         {"commit-plan", "decide-approval"},
		run + "commit.json":                       {"commit-plan"},
		run + "acts/delete-vpc/1-intent.json":     {"delete-directory", "delete-subscription", "delete-vpc", "finish-run"},
		run + "report-1.json":                     {"finish-run", "write-report"},
		run + "anything-else.json":                nil,

		"closings/sweep/deliveries/1.json":    {"plan-fleet", "verify-caller"},
		fleet + "request.json":                {"plan-fleet", "verify-caller"},
		fleet + "verified.json":               {"plan-fleet", "verify-caller"},
		fleet + "plan-1.json":                 {"commit-plan", "plan-fleet", "take-inventory"},
		fleet + "batch-plan.json":             {"commit-fleet", "plan-fleet"},
		fleet + "results/plan/manifest.json":  nil,
		fleet + "runs/plan/222233334444.json": {"verify-caller", "write-report"},
		fleet + "ask-1.json":                  {"request-approval"},
		fleet + "decisions/1/somebody.json":   {"decide-approval"},
		fleet + "seal.json":                   {"commit-fleet", "commit-plan", "decide-approval"},
		fleet + "grants/222233334444.json":    {"commit-fleet"},
		fleet + "commit.json":                 {"commit-fleet", "commit-plan"},
		fleet + "claims/222233334444.json":    {"commit-plan"},
		fleet + "report-1.json":               {"finish-run", "report-fleet", "write-report"},
	}
	got := map[string][]string{}
	for object := range want {
		got[object] = nil
		for _, who := range everybody() {
			_, err := s3.NewFromConfig(as(deployed(t), who)).PutObject(t.Context(), &s3.PutObjectInput{
				Bucket: bucket(), Key: &object, Body: strings.NewReader("{}"), IfNoneMatch: aws.String("*"),
			})
			if !refused(t, err) {
				got[object] = append(got[object], who)
			}
		}
		slices.Sort(got[object])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("writers (-want +got):\n%s", diff)
	}
}

func bucket() *string { return aws.String(workflow.Prefix + "-" + hubID) }

// Ensure that even its writer cannot replace what is written once, and that nobody deletes anything.
func TestRecordStays(t *testing.T) {
	a, commit := deployed(t), aws.String("closings/444455556666/20260101T000000Z-one/commit.json")
	writer := s3.NewFromConfig(as(a, "commit-plan"))
	if _, err := writer.PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket(), Key: commit, IfNoneMatch: aws.String("*")}); err != nil {
		t.Fatal(err)
	}
	_, err := writer.PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket(), Key: commit})
	if !refused(t, err) {
		t.Error("the commit was overwritten")
	}
	for _, who := range []string{admin, "commit-plan", "finish-run"} {
		_, err := s3.NewFromConfig(as(a, who)).DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: bucket(), Key: commit})
		if !refused(t, err) {
			t.Errorf("%s deleted the commit", who)
		}
	}
}

// Ensure that decide-approval alone reads the doorbell, and that all that have to do with the record read the rest.
func TestRecordHasItsReaders(t *testing.T) {
	a := deployed(t)
	objects := map[string]string{"token.json": "request-approval", "commit.json": "commit-plan"}
	got := map[string][]string{}
	for name, writer := range objects {
		object := aws.String("closings/444455556666/20260101T000000Z-one/" + name)
		if _, err := s3.NewFromConfig(as(a, writer)).PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket(), Key: object, IfNoneMatch: aws.String("*")}); err != nil {
			t.Fatal(err)
		}
		for _, who := range everybody() {
			_, err := s3.NewFromConfig(as(a, who)).GetObject(t.Context(), &s3.GetObjectInput{Bucket: bucket(), Key: object})
			if !refused(t, err) {
				got[name] = append(got[name], who)
			}
		}
	}
	want := map[string][]string{
		"token.json":  {"decide-approval"},
		"commit.json": slices.DeleteFunc(everybody(), func(who string) bool { return who == "find-starter" }),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("readers (-want +got):\n%s", diff)
	}
}

// Ensure that each target role admits the functions of its access, and nobody else of the hub.
func TestTargetRolesHaveTheirFunctions(t *testing.T) {
	a := deployed(t)
	want, got := map[string]step.Role{}, map[string]step.Role{}
	for _, f := range workflow.Functions() {
		switch f.Access {
		case workflow.Read:
			want[f.Folder] = step.RoleRead
		case workflow.Close:
			want[f.Folder] = step.RoleClose
		case workflow.NoTarget, workflow.Organization:
		}
	}
	for _, who := range everybody() {
		for _, role := range []step.Role{step.RoleRead, step.RoleClose} {
			_, err := sts.NewFromConfig(as(a, who)).AssumeRole(t.Context(), &sts.AssumeRoleInput{
				RoleArn: aws.String("arn:aws:iam::" + targetAccount + ":role/" + string(role)), RoleSessionName: aws.String("test"),
			})
			if !refused(t, err) {
				if before := got[who]; before != "" {
					t.Errorf("%s may assume %s and %s", who, before, role)
				}
				got[who] = role
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("roles (-want +got):\n%s", diff)
	}
}

// Ensure that nothing stands on everything but what IAM cannot limit to resources, and in a target what its sessions narrow.
func TestWhatStandsOnEverything(t *testing.T) {
	got := map[string][]string{}
	for name, role := range hub(t, nil).roles() {
		for _, policy := range role.(map[string]any)["policies"].([]any) {
			for _, s := range policy.(map[string]any)["Statement"].([]any) {
				if statement := s.(map[string]any); statement["Resource"] == "*" {
					got[name] = append(got[name], texts(statement["Action"])...)
				}
			}
		}
	}
	tracing := []string{"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
	want := map[string][]string{}
	for _, f := range workflow.Functions() {
		want[f.Name()] = tracing
	}
	want["quicksight-unsubscribe-find-starter"] = append([]string{"cloudtrail:LookupEvents"}, tracing...)
	want["quicksight-unsubscribe-machine"] = []string{
		"logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery", "logs:ListLogDeliveries",
		"logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups",
		"xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets",
	}
	want["quicksight-unsubscribe-fleet-machine"] = want["quicksight-unsubscribe-machine"]
	sorted := func(m map[string][]string) map[string][]string {
		for name := range m {
			m[name] = slices.Sorted(slices.Values(m[name]))
		}
		return m
	}
	if diff := cmp.Diff(sorted(want), sorted(got)); diff != "" {
		t.Errorf("actions on * (-want +got):\n%s", diff)
	}
}

func texts(v any) []string {
	if list, ok := v.([]any); ok {
		var all []string
		for _, item := range list {
			all = append(all, fmt.Sprint(item))
		}
		return all
	}
	return []string{fmt.Sprint(v)}
}
