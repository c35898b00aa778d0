package asl

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/recolabs/gnata"
)

// volatile holds what differs from one evaluation to the next; everything else is a function of its arguments.
type volatile struct {
	now    func() time.Time
	random func() float64
	uuid   func() string
}

// maxRange bounds the list that $range builds; a longer one has no way into an output of 256 KiB.
const maxRange = 1_000_000

// wrap turns Go functions into what gnata binds to a variable.
func wrap(functions map[string]gnata.CustomFunc) map[string]any {
	env := gnata.NewCustomEnv(functions)
	out := make(map[string]any, len(functions))
	for name := range functions {
		out[name], _ = env.Lookup(name)
	}
	return out
}

// functions are those that Step Functions adds to JSONata and that depend on their arguments alone.
var functions = sync.OnceValue(func() map[string]any {
	return wrap(map[string]gnata.CustomFunc{
		"partition": func(args []any, _ any) (any, error) {
			list, ok := argument(args, 0).([]any)
			size, okSize := integer(argument(args, 1))
			if argument(args, 0) == nil {
				return nil, nil
			}
			if !ok {
				list = []any{args[0]}
			}
			if !okSize || size <= 0 {
				return nil, errors.New("the second argument of $partition must be a positive integer")
			}
			return chunks(list, int(min(size, math.MaxInt32))), nil
		},
		"range": func(args []any, _ any) (any, error) {
			var bounds [3]float64
			for i := range bounds {
				f, ok := number(argument(args, i))
				if !ok {
					return nil, fmt.Errorf("argument %d of $range must be a number", i+1)
				}
				bounds[i] = f
			}
			list, err := numbers(bounds[0], bounds[1], bounds[2])
			if err == nil && len(list) == 1 {
				return list[0], nil // a sequence of one is its only item; recorded from AWS
			}
			return list, err
		},
		"hash": func(args []any, _ any) (any, error) {
			data, ok := argument(args, 0).(string)
			algorithm, ok2 := argument(args, 1).(string)
			if !ok || !ok2 {
				return nil, errors.New("$hash wants a string and the name of an algorithm")
			}
			return digest(data, algorithm)
		},
		"parse": func(args []any, _ any) (any, error) {
			text, ok := argument(args, 0).(string)
			if !ok {
				return nil, errors.New("$parse wants a string")
			}
			v, err := decode([]byte(text))
			if err != nil {
				return nil, err
			}
			return toNative(v), nil
		},
	})
})

// functions are those whose result the caller of Start decides.
func (v volatile) functions() map[string]any {
	return wrap(map[string]gnata.CustomFunc{
		"uuid":   func([]any, any) (any, error) { return v.uuid(), nil },
		"millis": func([]any, any) (any, error) { return float64(v.now().UnixMilli()), nil },
		"now": func(args []any, _ any) (any, error) {
			if argument(args, 0) == nil {
				return timestamp(v.now()), nil
			}
			e, err := gnata.Compile("$fromMillis($ms, $picture, $zone)")
			if err != nil {
				return nil, err
			}
			bound := map[string]any{"ms": float64(v.now().UnixMilli()), "picture": argument(args, 0)}
			if zone := argument(args, 1); zone != nil {
				bound["zone"] = zone
			}
			return e.EvalWithVars(context.Background(), nil, bound)
		},
		"random": func(args []any, _ any) (any, error) {
			if argument(args, 0) == nil {
				return v.random(), nil
			}
			seed, ok := number(args[0])
			if !ok {
				return nil, errors.New("the seed of $random must be a number")
			}
			return seeded(seed), nil
		},
	})
}

func argument(args []any, i int) any {
	if i < len(args) {
		return args[i]
	}
	return nil
}

// seeded gives the same number for the same seed. AWS's own sequence is not public.
func seeded(seed float64) float64 {
	return rand.New(rand.NewPCG(math.Float64bits(seed), 0)).Float64()
}

func chunks(list []any, size int) []any {
	out := []any{}
	for part := range slices.Chunk(list, size) {
		out = append(out, slices.Clone(part))
	}
	return out
}

// numbers lists first, first+step, … up to and including last.
func numbers(first, last, step float64) ([]any, error) {
	if step == 0 {
		return nil, errors.New("the step must not be zero")
	}
	n := math.Floor((last-first)/step) + 1
	if math.IsNaN(n) || n > maxRange {
		return nil, fmt.Errorf("the range has more than %d items", maxRange)
	}
	out := make([]any, 0, max(0, int(n)))
	for i := range max(0, int(n)) {
		out = append(out, first+float64(i)*step)
	}
	return out, nil
}

// digest hashes text with one of the algorithms that Step Functions knows.
func digest(data, algorithm string) (string, error) {
	switch algorithm {
	case "MD5":
		sum := md5.Sum([]byte(data))
		return hex.EncodeToString(sum[:]), nil
	case "SHA-1":
		sum := sha1.Sum([]byte(data))
		return hex.EncodeToString(sum[:]), nil
	case "SHA-256":
		sum := sha256.Sum256([]byte(data))
		return hex.EncodeToString(sum[:]), nil
	case "SHA-384":
		sum := sha512.Sum384([]byte(data))
		return hex.EncodeToString(sum[:]), nil
	case "SHA-512":
		sum := sha512.Sum512([]byte(data))
		return hex.EncodeToString(sum[:]), nil
	}
	return "", fmt.Errorf("the algorithm %q is none of MD5, SHA-1, SHA-256, SHA-384, SHA-512", algorithm)
}
