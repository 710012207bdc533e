package telwerk

import (
	"math/rand/v2"
	"time"
)

const (
	backoffFirst = 100 * time.Millisecond
	backoffMax   = 5 * time.Second
)

// pauses are how long to wait before trying again: twice as long each time, up to five seconds, and by chance up to half
// less, which keeps many clients of a server that comes back from calling it at once.
type pauses struct {
	last time.Duration
}

func (b *pauses) reset() {
	b.last = 0
}

// failed is how long to wait now; at least as long as the server asks for.
func (b *pauses) failed(err error) time.Duration {
	b.last = min(max(backoffFirst, 2*b.last), backoffMax)
	pause := time.Duration(float64(b.last) * (0.5 + rand.Float64()/2))
	if failure, ok := FromError(err); ok {
		pause = max(pause, failure.RetryAfter)
	}
	return pause
}
