package main

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/govqa/govqa/api"
)

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
