package eval

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/govqa/govqa/answer"
)

// A QuestionReport holds the figures of judged questions under the keys of
// the contract: matter.hit1, aspect.exact, dialog.turn and so on, each the
// share of cases that are right.
type QuestionReport struct {
	figures   map[string]*share
	order     []string // of figures, as they were first counted
	groups    map[string]map[string]*share
	confusion map[string]map[answer.Outcome]int // what was expected, what came
	bins      [binCount]bin
	took      []time.Duration
	Misses    []string // what went wrong, a line each
}

// The groups by which the share of right answers is broken down: the style,
// the writer, the theme of the matter asked for, the field asked for, and the
// pattern of a dialog's later turns.
const (
	byStyle   = "by style"
	byWriter  = "by writer"
	byTheme   = "by theme"
	byAspect  = "by aspect"
	byPattern = "by pattern"
)

var groupOrder = []string{byStyle, byWriter, byTheme, byAspect, byPattern}

func newQuestionReport() *QuestionReport {
	r := &QuestionReport{figures: map[string]*share{}, groups: map[string]map[string]*share{}, confusion: map[string]map[answer.Outcome]int{}}
	for _, g := range groupOrder {
		r.groups[g] = map[string]*share{}
	}
	return r
}

// A share is how much of n cases is right; a case can be right in part.
type share struct {
	right float64
	n     int
}

func (s *share) count(right float64) {
	s.n++
	s.right += right
}

func (s *share) value() float64 { return round4(s.right / float64(s.n)) }

func round4(x float64) float64 { return math.Round(1e4*x) / 1e4 }

// binCount bins of equal width divide the confidences.
const binCount = 10

// A bin gathers the answers of one range of confidence.
type bin struct {
	n, right   int
	confidence float64 // sum
}

// Bin is one row of the calibration: of the answers whose confidence lies
// from From to below To, how sure they were and how often they were right.
type Bin struct {
	From       float64 `json:"from"`
	To         float64 `json:"to"`
	N          int     `json:"n"`
	Confidence float64 `json:"confidence"` // mean
	Right      float64 `json:"right"`      // share
}

// Calibration lists the bins that have answers.
func (r *QuestionReport) Calibration() []Bin {
	list := []Bin{}
	for i, b := range r.bins {
		if b.n == 0 {
			continue
		}
		list = append(list, Bin{From: float64(i) / binCount, To: float64(i+1) / binCount, N: b.n,
			Confidence: round4(b.confidence / float64(b.n)), Right: round4(float64(b.right) / float64(b.n))})
	}
	return list
}

// calibrationError is by how much confidence and share right differ, over all
// answers: the expected calibration error.
func (r *QuestionReport) calibrationError() float64 {
	n, sum := 0, 0.0
	for _, b := range r.bins {
		n += b.n
		sum += math.Abs(b.confidence - float64(b.right))
	}
	if n == 0 {
		return 0
	}
	return round4(sum / float64(n))
}

func (r *QuestionReport) add(key string, right bool) { r.addPart(key, one(right)) }

func (r *QuestionReport) addPart(key string, right float64) {
	s := r.figures[key]
	if s == nil {
		s = &share{}
		r.figures[key] = s
		r.order = append(r.order, key)
	}
	s.count(right)
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func (r *QuestionReport) addTo(group, key string, right bool) {
	if r.groups[group][key] == nil {
		r.groups[group][key] = &share{}
	}
	r.groups[group][key].count(one(right))
}

// confuse counts what came where something was expected.
func (r *QuestionReport) confuse(want string, got answer.Outcome) {
	if r.confusion[want] == nil {
		r.confusion[want] = map[answer.Outcome]int{}
	}
	r.confusion[want][got]++
}

// calibrate counts an answer that names one matter.
func (r *QuestionReport) calibrate(a answer.Answer, right bool) {
	if a.Outcome != answer.Answered {
		return
	}
	b := &r.bins[max(0, min(binCount-1, int(a.Confidence*binCount)))]
	b.n++
	b.confidence += a.Confidence
	if right {
		b.right++
	}
}

// MarshalJSON writes one object with the figures, the breakdowns, "n", the
// calibration, the confusion of outcomes and the latencies.
func (r *QuestionReport) MarshalJSON() ([]byte, error) {
	m := map[string]any{}
	n := map[string]int{}
	for k, s := range r.figures {
		m[k], n[k] = s.value(), s.n
	}
	for g, shares := range r.groups {
		values := map[string]float64{}
		for k, s := range shares {
			values[k] = s.value()
		}
		m[g] = values
	}
	took := slices.Sorted(slices.Values(r.took))
	m["n"], m["confusion"], m["calibration"], m["calibration.error"] = n, r.confusion, r.Calibration(), r.calibrationError()
	m["ms p50"], m["ms p99"] = percentile(took, .5), percentile(took, .99)
	return json.Marshal(m)
}

// String lists the figures, the latencies and the cases that went wrong.
func (r *QuestionReport) String() string {
	var b strings.Builder
	b.WriteString(r.Figures())
	took := slices.Sorted(slices.Values(r.took))
	fmt.Fprintf(&b, "\nms p50 %.2f p99 %.2f\n", percentile(took, .5), percentile(took, .99))
	for _, m := range r.Misses {
		fmt.Fprintln(&b, "- "+m)
	}
	return b.String()
}

// Figures lists what does not depend on the machine: every figure but the
// latencies, in an order that never changes.
func (r *QuestionReport) Figures() string {
	var b strings.Builder
	for _, k := range r.order {
		line(&b, k, r.figures[k])
	}
	for _, g := range groupOrder {
		if len(r.groups[g]) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n%s\n", g)
		for _, k := range slices.Sorted(maps.Keys(r.groups[g])) {
			line(&b, k, r.groups[g][k])
		}
	}
	r.writeConfusion(&b)
	r.writeCalibration(&b)
	return b.String()
}

func line(b *strings.Builder, key string, s *share) {
	fmt.Fprintf(b, "%s %.4f  (%.5g of %d)\n", pad(key, 20), s.value(), s.right, s.n)
}

// pad fills up to a width in columns; a Chinese character takes two.
func pad(s string, width int) string {
	for _, c := range s {
		width--
		if c >= 0x2e80 {
			width--
		}
	}
	return s + strings.Repeat(" ", max(0, width))
}

// expectedOrder is the order of the rows of the confusion.
var expectedOrder = []string{"answer", "ask", "refuse", "handover", "emergency", "smalltalk", "pii", "injection", "complaint"}

func (r *QuestionReport) writeConfusion(b *strings.Builder) {
	if len(r.confusion) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%-12s", "expected")
	for _, o := range answer.Outcomes {
		fmt.Fprintf(b, " %9s", o)
	}
	for _, want := range expectedOrder {
		row, ok := r.confusion[want]
		if !ok {
			continue
		}
		fmt.Fprintf(b, "\n%-12s", want)
		for _, o := range answer.Outcomes {
			fmt.Fprintf(b, " %9d", row[o])
		}
	}
	b.WriteString("\n")
}

func (r *QuestionReport) writeCalibration(b *strings.Builder) {
	bins := r.Calibration()
	if len(bins) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%-12s %5s %10s %6s\n", "confidence", "n", "mean", "right")
	for _, c := range bins {
		fmt.Fprintf(b, "%.1f–%.1f      %5d %10.4f %6.4f\n", c.From, c.To, c.N, c.Confidence, c.Right)
	}
	fmt.Fprintf(b, "error %.4f\n", r.calibrationError())
}
