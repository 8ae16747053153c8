package llm

import (
	"sync"
	"time"
	"unicode/utf8"
)

// A ledger keeps what was spent in the current hour, by everybody and by each
// tenant.
type ledger struct {
	mu      sync.Mutex
	hour    time.Time
	all     account
	tenants map[string]*account
}

// An account is what was spent in one hour.
type account struct {
	tokens int
	yuan   float64
}

// A reservation is what a call may use at most, set aside until it is settled.
type reservation struct {
	hour   time.Time
	tenant string
	tokens int
	yuan   float64
}

// estimate is how many tokens a text is at most, as far as one can tell without
// the model: Chinese takes less than one a character.
func estimate(text string) int { return utf8.RuneCountInString(text) }

func (cfg Config) yuan(in, out int) float64 {
	return (float64(in)*cfg.PriceIn + float64(out)*cfg.PriceOut) / 1e6
}

// reserve sets aside what a call may use, or reports that a budget does not
// have it.
func (l *ledger) reserve(cfg Config, tenant string, in, out int) (reservation, bool) {
	r := reservation{tenant: tenant, tokens: in + out, yuan: cfg.yuan(in, out)}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn(cfg.Now())
	r.hour = l.hour
	t := l.tenants[tenant]
	if t == nil {
		t = &account{}
		l.tenants[tenant] = t
	}
	if cfg.AnswerYuan > 0 && r.yuan > cfg.AnswerYuan || cfg.HourTokens > 0 && l.all.tokens+r.tokens > cfg.HourTokens ||
		cfg.HourYuan > 0 && l.all.yuan+r.yuan > cfg.HourYuan || cfg.TenantTokens > 0 && t.tokens+r.tokens > cfg.TenantTokens {
		return r, false
	}
	l.all.add(r.tokens, r.yuan)
	t.add(r.tokens, r.yuan)
	return r, true
}

// settle puts what was used in the place of what was set aside.
func (l *ledger) settle(cfg Config, r reservation, u usage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn(cfg.Now())
	tokens, yuan := u.in+u.out, cfg.yuan(u.in, u.out)
	if r.hour.Equal(l.hour) {
		tokens, yuan = tokens-r.tokens, yuan-r.yuan
	}
	l.all.add(tokens, yuan)
	if l.tenants[r.tenant] == nil {
		l.tenants[r.tenant] = &account{}
	}
	l.tenants[r.tenant].add(tokens, yuan)
}

// turn begins a new hour.
func (l *ledger) turn(now time.Time) {
	if hour := now.Truncate(time.Hour); !hour.Equal(l.hour) {
		l.hour, l.all, l.tenants = hour, account{}, map[string]*account{}
	}
}

// spent is what was spent or set aside in this hour.
func (l *ledger) total(now time.Time) account {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn(now)
	return l.all
}

func (a *account) add(tokens int, yuan float64) {
	a.tokens += tokens
	a.yuan += yuan
}
