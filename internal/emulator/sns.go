package emulator

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
)

// Topic is an SNS topic, by its name or its ARN.
type Topic struct {
	Name          string         `json:"name,omitempty"`   // default: the ARN's
	Region        string         `json:"region,omitempty"` // default: the ARN's, or us-east-1
	ARN           string         `json:"arn,omitempty"`    // default: made from Name and Region
	Policy        *Policy        `json:"policy,omitempty"`
	KMSKey        string         `json:"kmsKey,omitempty"` // ARN; publishers need it
	Subscriptions []Subscription `json:"subscriptions,omitempty"`
}

func (t *Topic) complete(account string) error {
	if parts := strings.SplitN(t.ARN, ":", 6); len(parts) == 6 {
		t.Region, t.Name = cmp.Or(t.Region, parts[3]), cmp.Or(t.Name, parts[5])
	}
	t.Region = cmp.Or(t.Region, "us-east-1")
	want := "arn:aws:sns:" + t.Region + ":" + account + ":" + t.Name
	if t.ARN = cmp.Or(t.ARN, want); t.Name == "" || t.ARN != want {
		return fmt.Errorf("topic %q %s: give a name, or an ARN of this account", t.Name, t.ARN)
	}
	return nil
}

// Subscription is who gets a topic's messages.
type Subscription struct {
	Protocol string `json:"protocol"`
	Endpoint string `json:"endpoint"`
	Pending  bool   `json:"pending,omitempty"` // not confirmed yet
	// FilterPolicy lets through the messages that have one of the values for each of its attributes.
	FilterPolicy map[string][]string `json:"filterPolicy,omitempty"`
}

// Takes tells whether messages with these attributes reach the subscriber.
// https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html
func (s Subscription) Takes(attributes map[string]string) bool {
	for name, values := range s.FilterPolicy {
		if !slices.Contains(values, attributes[name]) {
			return false
		}
	}
	return !s.Pending
}

var snsOperations = map[string]op{
	"Publish":                  {run: publish, required: []string{"TopicArn", "Message"}, resource: topicResource, policy: topicPolicy},
	"Subscribe":                {run: subscribe, required: []string{"TopicArn", "Protocol", "Endpoint"}, resource: topicResource, policy: topicPolicy},
	"ListSubscriptionsByTopic": {run: listSubscriptionsByTopic, required: []string{"TopicArn"}, resource: topicResource, policy: topicPolicy},
}

// https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
var snsRules = []rule{
	{name: "message-size", operations: []string{"Publish"}, page: "https://docs.aws.amazon.com/sns/latest/api/API_Publish.html", check: checkMessage},
	{name: "topic-key", operations: []string{"Publish"}, page: "https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html", check: checkTopicKey},
	{name: "subject-format", operations: []string{"Publish"}, page: "https://docs.aws.amazon.com/sns/latest/api/API_Publish.html", check: checkSubject},
}

func topicResource(r *request) []string { return []string{r.str("TopicArn")} }

func topicPolicy(r *request) (*Policy, string) {
	topic, owner := r.topic()
	if topic == nil {
		return nil, r.account
	}
	return topic.Policy, owner
}

// topic finds the topic that the call names, and its owner.
func (r *request) topic() (*Topic, string) {
	for id, account := range r.aws.world.Accounts {
		for _, t := range account.Topics {
			if t.ARN == r.str("TopicArn") && t.Region == r.region {
				return t, id
			}
		}
	}
	return nil, ""
}

func checkMessage(r *request) error {
	if len(r.str("Message")) > 256*1024 {
		return apiError("InvalidParameter", "Invalid parameter: Message too long")
	}
	return nil
}

func checkSubject(r *request) error {
	subject := r.str("Subject")
	ascii := strings.IndexFunc(subject, func(c rune) bool { return c < ' ' || c >= 0x7f }) < 0
	if !ascii || utf8.RuneCountInString(subject) > 100 || strings.HasPrefix(subject, " ") {
		return apiError("InvalidParameter", "Invalid parameter: Subject")
	}
	return nil
}

// checkTopicKey: a topic with a customer managed key needs two permissions on that key, too.
func checkTopicKey(r *request) error {
	topic, _ := r.topic()
	if topic == nil || topic.KMSKey == "" {
		return nil
	}
	for _, action := range []string{"kms:GenerateDataKey", "kms:Decrypt"} {
		if err := r.mayUseKey(topic.KMSKey, action); err != nil {
			return apiError("KMSAccessDenied", "%v", err)
		}
	}
	return nil
}

func publish(r *request) (any, error) {
	if topic, _ := r.topic(); topic == nil {
		return nil, &APIError{Code: "NotFound", Message: "Topic does not exist", Status: 404}
	}
	return &sns.PublishOutput{MessageId: &r.requestID}, nil
}

// subscribe asks the owner of an address to confirm, which is the replay's to play.
func subscribe(r *request) (any, error) {
	topic, _ := r.topic()
	if topic == nil {
		return nil, &APIError{Code: "NotFound", Message: "Topic does not exist", Status: 404}
	}
	topic.Subscriptions = append(topic.Subscriptions, Subscription{Protocol: r.str("Protocol"), Endpoint: r.str("Endpoint"), Pending: true})
	pending := "pending confirmation"
	return &sns.SubscribeOutput{SubscriptionArn: &pending}, nil
}

func listSubscriptionsByTopic(r *request) (any, error) {
	topic, owner := r.topic()
	if topic == nil {
		return nil, &APIError{Code: "NotFound", Message: "Topic does not exist", Status: 404}
	}
	cut, next, ok := paginate(r, topic.Subscriptions, r.str("NextToken"), 0, 100)
	if !ok {
		return nil, apiError("InvalidParameter", "Invalid parameter: NextToken")
	}
	arn := r.str("TopicArn")
	out := &sns.ListSubscriptionsByTopicOutput{Subscriptions: []types.Subscription{}}
	for _, s := range cut {
		subscriptionARN := arn + ":" + strings.ToLower(stableID(arn, s.Protocol, s.Endpoint))
		if s.Pending {
			subscriptionARN = "PendingConfirmation"
		}
		out.Subscriptions = append(out.Subscriptions, types.Subscription{
			TopicArn: &arn, Owner: &owner, Protocol: &s.Protocol, Endpoint: &s.Endpoint, SubscriptionArn: &subscriptionARN,
		})
	}
	if next != "" {
		out.NextToken = &next
	}
	return out, nil
}
