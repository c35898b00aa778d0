package main

import (
	"slices"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"quicksight-unsubscribe/internal/closing"
)

// kind is one kind of object of the record, with the functions that may write it and, where that is not everybody who may read the
// bucket, those that may read it.
type kind struct {
	pattern string // of the key
	writers []string
	readers []string // nil: whoever may read the bucket
	once    bool     // never overwritten: every write of it must be conditional on its absence
}

// fleetMachine stands among the writers for the machine that closes many accounts, which writes the results of its Distributed Maps by itself.
const fleetMachine = "fleet-machine"

// kinds is who writes what (package record has the whole layout). In a pattern, * matches slashes too, so that a rule holds at
// every depth; the folders themselves begin with a time and are never named like an object.
var kinds = []kind{
	{pattern: "closings/*/lock.json", writers: []string{"verify-caller", "write-report", "finish-run"}},
	{pattern: "closings/*/deliveries/*", writers: []string{"verify-caller", "plan-fleet"}, once: true},
	{pattern: "closings/*/request.json", writers: []string{"verify-caller", "plan-fleet"}, once: true},
	{pattern: "closings/*/verified.json", writers: []string{"verify-caller", "plan-fleet"}},
	{pattern: "closings/*/inventory-*.json", writers: []string{"take-inventory", "delete-subscription"}},
	{pattern: "closings/*/lists/*", writers: []string{"take-inventory", "request-approval", "export-assets", "commit-plan", "delete-subscription"}, once: true},
	{pattern: "closings/*/plan-*.json", writers: []string{"take-inventory", "commit-plan", "plan-fleet"}, once: true},
	{pattern: "closings/*/retake-*.json", writers: []string{"take-inventory"}, once: true},
	{pattern: "closings/*/ask-*.json", writers: []string{"request-approval"}, once: true},
	{pattern: "closings/*/decide-*.py", writers: []string{"request-approval"}, once: true},
	{pattern: "closings/*/token.json", writers: []string{"request-approval"}, readers: []string{"decide-approval"}},
	{pattern: "closings/*/decisions/*", writers: []string{"decide-approval"}, once: true},
	{pattern: "closings/*/export-*.json", writers: []string{"export-assets"}},
	{pattern: "closings/*/backup/*", writers: []string{"export-assets"}},
	{pattern: "closings/*/manifest-*.json", writers: []string{"export-assets"}, once: true},
	{pattern: "closings/*/seal.json", writers: []string{"commit-plan", "commit-fleet", "decide-approval"}, once: true},
	{pattern: "closings/*/commit.json", writers: []string{"commit-plan", "commit-fleet"}, once: true},
	{pattern: "closings/*/acts/*", writers: []string{"delete-subscription", "delete-directory", "delete-vpc", "finish-run"}},
	{pattern: "closings/*/batch-*.json", writers: []string{"plan-fleet", "commit-fleet"}, once: true},
	{pattern: "closings/*/results/*", writers: []string{fleetMachine}},
	{pattern: "closings/*/runs/*", writers: []string{"verify-caller", "write-report"}},
	{pattern: "closings/*/grants/*", writers: []string{"commit-fleet"}, once: true},
	{pattern: "closings/*/claims/*", writers: []string{"commit-plan"}, once: true},
	{pattern: "closings/*/report-*", writers: []string{"write-report", "report-fleet", "finish-run"}, once: true},
}

// written lists the patterns of what a function writes. The functions of fleets write in the folders of fleets alone.
func written(folder string) []string {
	var patterns []string
	for _, k := range kinds {
		switch {
		case !slices.Contains(k.writers, folder):
		case strings.HasSuffix(folder, "-fleet"):
			for _, place := range []string{closing.FleetFolder, closing.SweepFolder} {
				if place == closing.SweepFolder && folder == "commit-fleet" {
					continue // a sweep is never committed
				}
				patterns = append(patterns, strings.Replace(k.pattern, "closings/*", "closings/"+place+"*", 1))
			}
		default:
			patterns = append(patterns, k.pattern)
		}
	}
	return patterns
}

// newKey makes the customer key of the record and the notices. It stays: without it the record cannot be read.
func newKey(scope constructs.Construct) awskms.Key {
	return awskms.NewKey(scope, jsii.String("Key"), &awskms.KeyProps{
		Description:       jsii.String("Record and notices of quicksight-unsubscribe"),
		EnableKeyRotation: jsii.Bool(true),
		RemovalPolicy:     awscdk.RemovalPolicy_RETAIN,
	})
}

// newRecord makes the bucket of the record, and the one of its access log. Both stay when the stack goes.
func newRecord(scope constructs.Construct, key awskms.IKey, w where) awss3.Bucket {
	access := awss3.NewBucket(scope, jsii.String("AccessLog"), &awss3.BucketProps{
		Encryption:        awss3.BucketEncryption_S3_MANAGED, // S3 delivers access logs to no other encryption
		BlockPublicAccess: awss3.BlockPublicAccess_BLOCK_ALL(),
		ObjectOwnership:   awss3.ObjectOwnership_BUCKET_OWNER_ENFORCED,
		EnforceSSL:        jsii.Bool(true),
		Versioned:         jsii.Bool(true),
		RemovalPolicy:     awscdk.RemovalPolicy_RETAIN,
	})
	bucket := awss3.NewBucket(scope, jsii.String("Record"), &awss3.BucketProps{
		Encryption:             awss3.BucketEncryption_KMS,
		EncryptionKey:          key,
		BucketKeyEnabled:       jsii.Bool(true),
		BlockPublicAccess:      awss3.BlockPublicAccess_BLOCK_ALL(),
		ObjectOwnership:        awss3.ObjectOwnership_BUCKET_OWNER_ENFORCED,
		EnforceSSL:             jsii.Bool(true),
		Versioned:              jsii.Bool(true),
		ServerAccessLogsBucket: access,
		RemovalPolicy:          awscdk.RemovalPolicy_RETAIN,
	})
	for _, statement := range recordRules(*bucket.BucketArn(), w) {
		bucket.AddToResourcePolicy(statement)
	}
	return bucket
}

// recordRules is the bucket policy: it denies, whatever an identity's own policies allow, and names roles by aws:PrincipalArn, since a
// NotPrincipal would have to name each session of them. Where the key is missing (no principal at all) the condition holds too.
func recordRules(bucket string, w where) []awsiam.PolicyStatement {
	rules := []awsiam.PolicyStatement{
		deny("NobodyDeletes", []string{"s3:DeleteObject", "s3:DeleteObjectVersion"}, []string{bucket + "/closings/*"}, nil),
		deny("NothingExpires", []string{"s3:PutLifecycleConfiguration"}, []string{bucket}, nil),
	}
	var everybody []string
	var once []string
	for _, k := range kinds {
		everybody = append(everybody, k.writers...)
		rules = append(rules, deny("Write"+words(k.pattern), writing, []string{bucket + "/" + k.pattern}, w.nobodyBut(k.writers)))
		if k.readers != nil {
			rules = append(rules, deny("Read"+words(k.pattern), []string{"s3:GetObject", "s3:GetObjectVersion"}, []string{bucket + "/" + k.pattern}, w.nobodyBut(k.readers)))
		}
		if k.once {
			once = append(once, bucket+"/"+k.pattern)
		}
	}
	slices.Sort(everybody)
	return append(rules,
		deny("WriteAnything", writing, []string{bucket + "/closings/*"}, w.nobodyBut(slices.Compact(everybody))),
		// https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
		deny("WriteOnce", []string{"s3:PutObject"}, once, map[string]any{"Null": map[string]any{"s3:if-none-match": "true"}}))
}

// writing are the actions that put an object there, replication included.
var writing = []string{"s3:PutObject", "s3:ReplicateObject"}
