package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/govqa/govqa/api"
)

// health asks a service whether it can answer, for whoever has no other
// program to ask with, as in a container.
func health(ctx context.Context, c *call) error {
	address := "http://" + defaultAddr + "/readyz"
	switch len(c.args) {
	case 0:
	case 1:
		address = c.args[0]
	default:
		return errUsage
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return err
	}
	fmt.Fprintln(c.out, strings.TrimSpace(string(text)))
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s：%s", address, resp.Status)
	}
	return nil
}

// healthCommand is the command about the health of a service.
func healthCommand() command {
	return command{name: "health", args: "[网址]", short: "问运行中的服务能不能回答", run: health,
		long: "访问服务的 /readyz（默认 http://" + defaultAddr + "/readyz），打印各部件；能回答时退出码 0，否则 1。供容器的健康检查使用。"}
}

// indexPatience is how long a new edition may wait until it answers questions
// before that counts as a fault.
const indexPatience = time.Minute

// checks look at the parts of a service.
func (a *app) checks() []api.Check {
	return []api.Check{
		{Name: "store", Vital: true, Probe: a.store.Readable},
		{Name: "disk", Probe: a.store.Writable},
		{Name: "index", Probe: a.behind},
		{Name: "history", Probe: a.history.Writable},
	}
}

// behind says by how much the answers lag behind what is published, if they do.
func (a *app) behind() error {
	now, answered := a.store.Current(), a.engine.Edition()
	if late := time.Since(now.Time); now.Number > answered && late > indexPatience {
		return fmt.Errorf("第 %d 版发布已 %s，回答仍依据第 %d 版", now.Number, late.Round(time.Second), answered)
	}
	return nil
}

// figures are those of the parts of a service.
func (a *app) figures() []prometheus.Collector {
	gauge := func(name, help string, read func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read)
	}
	return []prometheus.Collector{
		gauge("govqa_store_edition", "Edition that is published last; govqa_edition below it means that the index lags.",
			func() float64 { return float64(a.store.Edition()) }),
		gauge("govqa_edition_published_timestamp_seconds", "When the last edition was published.", func() float64 {
			now := a.store.Current()
			if now.Number == 0 {
				return 0
			}
			return float64(now.Time.Unix())
		}),
		gauge("govqa_journal_facts", "Facts in the journal.", func() float64 { return float64(a.store.LastFact()) }),
		gauge("govqa_disk_free_bytes", "Space left on the disk of the data folder.", func() float64 {
			free, err := a.store.Free()
			if err != nil {
				return -1
			}
			return float64(free)
		}),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "govqa_facts_dropped_total",
			Help: "Questions and wordings that were not journalled, because the disk is too slow."},
			func() float64 { return float64(a.asked.dropped.Load()) }),
	}
}
