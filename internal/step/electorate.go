package step

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"quicksight-unsubscribe/internal/closing"
)

// canDecide refuses a round in which too few people could approve: the starter is not counted, nor an approver who would not hear of it.
// Where none are named, all of the hub account may decide, whom nobody can count.
func (e Env) canDecide(ctx context.Context, ask closing.Ask) error {
	if len(ask.Approvers) == 0 {
		return nil
	}
	may := closing.Electorate(ask.Approvers, ask.Starter)
	if len(may) < ask.Quorum {
		return closing.Errorf(closing.NoApprover, "%d must approve, and besides %s, who started this run, only %d may; nothing was touched and nobody was asked",
			ask.Quorum, ask.Starter, len(may)).WithHint("have somebody else start it, or name more approvers")
	}
	confirmed, err := e.confirmed(ctx)
	if err != nil {
		return err
	}
	deaf := slices.DeleteFunc(slices.Clone(may), func(a closing.Approver) bool { return slices.Contains(confirmed, strings.ToLower(a.Email)) })
	if reached := len(may) - len(deaf); reached < ask.Quorum {
		return closing.Errorf(closing.NoApprover, "%d must approve, and only %d of those who may have confirmed that they want to be asked by e-mail; not yet: %s; nothing was touched and nobody was asked",
			ask.Quorum, reached, strings.Join(closing.PersonsOf(deaf), ", ")).
			WithHint("have them follow the link in the mail with which AWS asked for it, then start again; a lost mail is sent anew by a deployment without them and one with them")
	}
	return nil
}

// confirmed are the addresses, in small letters, whose owners have confirmed that they are subscribed to the requests for approval.
// https://docs.aws.amazon.com/sns/latest/api/API_ListSubscriptionsByTopic.html
func (e Env) confirmed(ctx context.Context) ([]string, error) {
	var addresses []string
	pages := sns.NewListSubscriptionsByTopicPaginator(sns.NewFromConfig(e.AWS.Hub()), &sns.ListSubscriptionsByTopicInput{TopicArn: &e.Config.ApprovalTopic})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("call sns:ListSubscriptionsByTopic: %w", err)
		}
		for _, s := range page.Subscriptions {
			// Until it is confirmed, and once it is deleted, a word stands where its ARN would be.
			if strings.HasPrefix(aws.ToString(s.SubscriptionArn), "arn:") {
				addresses = append(addresses, strings.ToLower(aws.ToString(s.Endpoint)))
			}
		}
	}
	return addresses, nil
}
