package step

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// sessions are the closing role narrowed to what the next acts need, resource by resource, in as few sessions as STS's limit
// allows, each assumed when it is first used.
type sessions struct {
	pass     *pass
	policies []Policy
	where    map[string]int // by resource: the session that may change it
	mu       sync.Mutex     // guards assumed
	assumed  map[int]aws.Config
}

// grant is what changing one resource needs.
type grant struct {
	resource string // as an act names it
	policy   Policy
}

func (p *pass) sessions(grants ...grant) (*sessions, error) {
	s := &sessions{pass: p, where: map[string]int{}, assumed: map[int]aws.Config{}}
	for _, g := range grants {
		if size := len(g.policy.JSON()); size > MaxPolicy {
			return nil, fmt.Errorf("the session policy for %s has %d characters, more than the %d that STS takes", g.resource, size, MaxPolicy)
		}
		last := len(s.policies) - 1
		if last < 0 || len(slices.Concat(s.policies[last], g.policy).JSON()) > MaxPolicy {
			s.policies = append(s.policies, nil)
			last++
		}
		s.policies[last] = append(s.policies[last], g.policy...)
		s.where[g.resource] = last
	}
	return s, nil
}

// of is the session that may change a resource.
func (s *sessions) of(ctx context.Context, resource string) (aws.Config, error) {
	i, granted := s.where[resource]
	if !granted {
		return aws.Config{}, fmt.Errorf("no session was asked for that may change %s", resource)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if cfg, ok := s.assumed[i]; ok {
		return cfg, nil
	}
	cfg, err := s.pass.AWS.Target(ctx, Access{Account: s.pass.plan.AccountID, Role: RoleClose, Policy: s.policies[i]})
	if err != nil {
		return aws.Config{}, err
	}
	cfg.APIOptions = append(slices.Clone(cfg.APIOptions), noteRequestID)
	s.assumed[i] = cfg
	return cfg, nil
}
