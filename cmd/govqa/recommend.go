package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/govqa/govqa/answer/eval"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/recommend/history"
)

// evalRecommend measures recommendation on a file of events.
func evalRecommend(ctx context.Context, c *call) error {
	if len(c.args) != 1 || c.values.k < 1 {
		return errUsage
	}
	report, err := eval.Recommend(ctx, c.args[0], eval.RecommendOptions{K: c.values.k, Repeats: c.values.repeats,
		Prequential: c.values.prequential, Untuned: c.values.raw, Progress: counter(c.err, "评测")})
	if err != nil {
		return err
	}
	if c.values.json {
		return printJSON(c.out, report)
	}
	_, err = fmt.Fprint(c.out, report)
	return err
}

// The parts of a data folder that hold what people did.
func historyDir(data string) string  { return filepath.Join(data, "history") }
func subjectFile(data string) string { return filepath.Join(data, "subject.key") }

// openHistory opens what people did, with the key that makes pseudonyms.
func openHistory(data string, keep time.Duration, log *slog.Logger) (*history.Store, error) {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, err
	}
	key, err := stateKey(subjectFile(data))
	if err != nil {
		return nil, err
	}
	return history.Open(historyDir(data), history.Options{Key: key, Keep: keep, Log: log})
}

// checkHistory compares the counts of what people did with a clean recount.
func checkHistory(ctx context.Context, c *call) error {
	if _, err := os.Stat(historyDir(c.data)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	s, err := openHistory(c.data, -1, logTo(c.err)) // nothing is taken away by looking
	if err != nil {
		return err
	}
	differ, err := s.Check(ctx)
	size := s.Model().Size()
	if err := errors.Join(err, s.Close()); err != nil {
		return err
	}
	if differ > 0 {
		return fmt.Errorf("办事经历的计数有 %d 处与从头数一遍不同", differ)
	}
	fmt.Fprintf(c.out, "办事经历与计数一致（%d 人，%d 条）\n", size.People, size.Visits)
	return nil
}

// An eventJob is an import of events as the control socket takes it.
type eventJob struct {
	Events []history.Event `json:"events"`
	Hash   bool            `json:"hash"`
}

// eventColumns are the columns of a log and what departments call them.
var eventColumns = map[string][]string{
	"subject": {"subject", "申请人", "办事人", "申请人标识", "化名"},
	"matter":  {"matter", "事项编码", "实施编码", "事项"},
	"time":    {"time", "时间", "办结时间", "申请时间", "受理时间"},
	"type":    {"type", "类型", "环节", "状态"},
	"region":  {"region", "行政区划", "行政区划代码", "地区"},
	"channel": {"channel", "渠道", "办理渠道"},
	"id":      {"id", "办件编号", "流水号", "业务编号"},
}

// eventTypes are the words of departments for the types of events.
var eventTypes = map[string]string{"": "finish", "申请": "submit", "收件": "submit", "受理": "submit", "在办": "start", "办结": "finish",
	"已办结": "finish", "完成": "finish", "撤回": "withdraw", "撤销": "withdraw", "咨询": "ask", "浏览": "view"}

// importEvents reads logs of transactions and keeps them as events.
func importEvents(ctx context.Context, c *call) (err error) {
	if len(c.args) == 0 {
		return errUsage
	}
	sink, done, err := eventSink(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	bad := 0
	for _, name := range c.args {
		n, err := importLog(c, name, sink)
		if err != nil {
			return fmt.Errorf("%s：%w", name, err)
		}
		bad += n
	}
	if bad > 0 {
		return fmt.Errorf("%d 行有误，没有导入", bad)
	}
	return nil
}

// A sink takes a batch of events.
type eventSinkFunc func([]history.Event) (history.Receipt, error)

// eventSink is the server that has the folder, or the folder itself.
func eventSink(ctx context.Context, c *call) (eventSinkFunc, func() error, error) {
	none := func() error { return nil }
	if c.values.dryRun {
		return func(e []history.Event) (history.Receipt, error) { return history.Receipt{Accepted: len(e)}, nil }, none, nil
	}
	var receipt history.Receipt
	served, err := viaControl(ctx, c.data, "/events", eventJob{}, &receipt)
	if err != nil {
		return nil, nil, err
	}
	if served {
		return func(e []history.Event) (r history.Receipt, err error) {
			_, err = viaControl(ctx, c.data, "/events", eventJob{e, c.values.hash}, &r)
			return r, err
		}, none, nil
	}
	s, err := openHistory(c.data, -1, logTo(c.err)) // how long events are kept is the service's to say
	if err != nil {
		return nil, nil, err
	}
	return func(e []history.Event) (history.Receipt, error) { return appendLog(ctx, s, eventJob{e, c.values.hash}) }, s.Close, nil
}

// appendLog keeps events of a log. Raw identifiers are made pseudonyms twice
// over, so that what looks like a number never reaches the checks or the disk.
func appendLog(ctx context.Context, s *history.Store, job eventJob) (history.Receipt, error) {
	if job.Hash {
		for i := range job.Events {
			job.Events[i].Subject = s.Alias(job.Events[i].Subject)
		}
	}
	return s.Append(ctx, job.Events)
}

// importLog imports one file and returns how many of its rows are bad.
func importLog(c *call, name string, sink eventSinkFunc) (bad int, err error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	r := csv.NewReader(plainText(f))
	r.FieldsPerRecord = -1
	head, err := r.Read()
	if err != nil {
		return 0, fmt.Errorf("列名：%w", err)
	}
	at, err := columnsOf(head)
	if err != nil {
		return 0, err
	}
	var total history.Receipt
	batch := make([]history.Event, 0, 1000)
	flush := func() error {
		got, err := sink(batch)
		total.Accepted, total.Repeated, total.Ignored = total.Accepted+got.Accepted, total.Repeated+got.Repeated, total.Ignored+got.Ignored
		batch = batch[:0]
		return err
	}
	for {
		row, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return bad, err
		}
		e, why := eventOf(row, at, c.values.hash)
		if why != "" {
			line, _ := r.FieldPos(0)
			if bad++; bad <= 20 {
				fmt.Fprintf(c.out, "  第 %d 行：%s\n", line, why)
			}
			continue
		}
		if batch = append(batch, e); len(batch) == cap(batch) {
			if err := flush(); err != nil {
				return bad, err
			}
		}
	}
	if err := flush(); err != nil {
		return bad, err
	}
	fmt.Fprintf(c.out, "%s：新增 accepted %d，重复 repeated %d，不保存 ignored %d，拒绝 rejected %d\n", name, total.Accepted, total.Repeated, total.Ignored, bad)
	return bad, nil
}

// plainText reads a file as UTF-8 without a mark: logs come in GB18030 too.
func plainText(f io.Reader) io.Reader {
	b := bufio.NewReaderSize(f, sniffed)
	head, err := b.Peek(sniffed)
	for cut := 0; err == nil && cut < 3 && !utf8.Valid(head); cut++ {
		head = head[:len(head)-1] // a character may have been cut in two
	}
	if !utf8.Valid(head) {
		return simplifiedchinese.GB18030.NewDecoder().Reader(b)
	}
	if r, _, err := b.ReadRune(); err == nil && r != '\ufeff' {
		_ = b.UnreadRune() // cannot fail after ReadRune
	}
	return b
}

// sniffed is how many bytes of a file tell its encoding.
const sniffed = 64 << 10

// columnsOf finds the columns of a log by their names.
func columnsOf(head []string) (map[string]int, error) {
	at := map[string]int{}
	for field, names := range eventColumns {
		for i, h := range head {
			if slices.Contains(names, strings.ToLower(strings.TrimSpace(h))) {
				at[field] = i
				break
			}
		}
	}
	for _, need := range []string{"subject", "matter", "time"} {
		if _, ok := at[need]; !ok {
			return nil, fmt.Errorf("缺少列 %s", strings.Join(eventColumns[need], "／"))
		}
	}
	return at, nil
}

// eventOf reads a row, or says what is wrong with it.
func eventOf(row []string, at map[string]int, hash bool) (e history.Event, why string) {
	cell := func(field string) string {
		i, ok := at[field]
		if !ok || i >= len(row) {
			return ""
		}
		return strings.TrimSpace(row[i])
	}
	e = history.Event{ID: cell("id"), Subject: cell("subject"), Matter: cell("matter"), Type: cell("type"), Region: corpus.RegionCode(cell("region")), Channel: cell("channel")}
	if word, ok := eventTypes[e.Type]; ok {
		e.Type = word
	}
	switch t, ok := parseLogTime(cell("time")); {
	case !ok:
		return e, "时间看不懂"
	default:
		e.Time = t
	}
	return e, history.Fault(e, hash)
}

// logTimes are the ways in which logs write a time.
var logTimes = []string{time.RFC3339, time.DateTime, "2006-01-02 15:04", "2006/01/02 15:04:05", "2006/1/2 15:04", time.DateOnly, "2006/1/2", "20060102"}

// parseLogTime reads a time of a log, by the clock of China where none is named.
func parseLogTime(s string) (time.Time, bool) {
	china := time.FixedZone("CST", 8*60*60)
	for _, layout := range logTimes {
		if t, err := time.ParseInLocation(layout, s, china); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// importEvents takes events from another process on this machine.
func (ctl *control) importEvents(w http.ResponseWriter, r *http.Request) {
	var job eventJob
	if err := json.NewDecoder(r.Body).Decode(&job); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	receipt, err := appendLog(r.Context(), ctl.app.history, job)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(receipt); err != nil {
		ctl.app.log.Error("control: receipt not sent", "err", err)
	}
}
