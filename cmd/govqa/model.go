package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/guard"
	"github.com/govqa/govqa/answer/llm"
	"github.com/govqa/govqa/api"
	"github.com/govqa/govqa/corpus/store"
)

// modelKeyVariable is the environment variable that holds the model's key,
// where no file does.
const modelKeyVariable = "GOVQA_MODEL_KEY"

// newModel makes the client of the language model, or nil if none is
// configured.
func newModel(cfg *config, g *guard.Guard, log *slog.Logger, lookup func(string) (string, bool)) (*llm.Client, error) {
	if cfg.ModelURL == "" {
		return nil, nil
	}
	key, err := endpointKey("model_key_file", cfg.ModelKeyFile, modelKeyVariable, lookup)
	if err != nil {
		return nil, err
	}
	c, err := llm.New(llm.Config{
		URL: cfg.ModelURL, Model: cfg.ModelName, Key: key, Title: cfg.ModelTitle, Filing: cfg.ModelFiling, Producer: cfg.ModelProducer,
		Answer: time.Duration(cfg.ModelTimeout), First: time.Duration(cfg.ModelFirst), Gap: time.Duration(cfg.ModelGap),
		Restate:   time.Duration(cfg.ModelRestate),
		MaxTokens: cfg.ModelMaxTokens, HourTokens: cfg.ModelHourTokens, TenantTokens: cfg.ModelTenantTokens,
		AnswerYuan: cfg.ModelAnswerYuan, HourYuan: cfg.ModelHourYuan, PriceIn: cfg.ModelPriceIn, PriceOut: cfg.ModelPriceOut,
		Calls: cfg.ModelCalls, Format: llm.Format(cfg.ModelFormat), Guard: g, Log: log,
	})
	if err != nil {
		return nil, fmt.Errorf("%w：model_*：%w", errConfig, err)
	}
	return c, nil
}

// modelName is what pages call the model: its name and filing number.
func modelName(cfg *config) string {
	if cfg.ModelURL == "" {
		return ""
	}
	name := cfg.ModelTitle
	if name == "" {
		name = cfg.ModelName
	}
	if cfg.ModelFiling != "" {
		name += "，备案号：" + cfg.ModelFiling
	}
	return name
}

// docSwitch is the kind of the documents that hold, by channel, whether the
// language model is on. What is not written is on.
const docSwitch = "model"

// A modelSwitch turns the language model on and off for each channel, now and
// for the next start. Every turn is audited by the store.
type modelSwitch struct {
	store *store.Store
	model *llm.Client // nil where none is configured
	turn  sync.Mutex  // a turn is written and takes effect in one order
}

// A switchState is a document of docSwitch.
type switchState struct {
	On bool `json:"on"`
}

// A channelState says whether the model is on for a channel.
type channelState struct {
	Channel answer.Channel `json:"channel"`
	On      bool           `json:"on"`
}

// modelStatus is what there is to know of the model.
type modelStatus struct {
	Configured bool           `json:"configured"`
	Mark       *answer.AIGC   `json:"aigc,omitempty"`
	Channels   []channelState `json:"channels"`
}

// figures are the model's figures for /metrics.
func (s *modelSwitch) figures() []prometheus.Collector {
	if s.model == nil {
		return nil
	}
	return []prometheus.Collector{s.model}
}

// reworder is the engine, where a model is configured.
func (a *app) reworder() api.Reworder {
	if a.model.model == nil {
		return nil
	}
	return a.engine
}

// refines reports whether chat clients are offered a model that rewords.
func (s *modelSwitch) refines() func() bool {
	if s.model == nil {
		return nil
	}
	return func() bool { return s.model.On(answer.ChannelCompat) }
}

// load takes up how the switches were left.
func (s *modelSwitch) load() error {
	list, err := s.states()
	if err != nil {
		return err
	}
	for _, c := range list {
		s.set(c)
	}
	return nil
}

func (s *modelSwitch) set(c channelState) {
	if s.model != nil {
		s.model.Set(c.Channel, c.On)
	}
}

// states reads the switches.
func (s *modelSwitch) states() ([]channelState, error) {
	list := make([]channelState, len(answer.Channels))
	for i, ch := range answer.Channels {
		list[i] = channelState{ch, true}
		value, err := s.store.Doc(docSwitch, string(ch))
		if err != nil {
			return nil, err
		}
		if value == nil {
			continue
		}
		var state switchState
		if err := json.Unmarshal(value, &state); err != nil {
			return nil, fmt.Errorf("switch %s: %w", ch, err)
		}
		list[i].On = state.On
	}
	return list, nil
}

// errChannel means that there is no such channel.
var errChannel = errors.New("没有这个渠道")

// Switch turns a channel, or all of them if it is empty. It is written down
// and audited before it takes effect going on, and takes effect going off even
// if it cannot be written: an emergency stop must stop.
func (s *modelSwitch) Switch(ctx context.Context, actor string, channel answer.Channel, on bool) error {
	channels := []answer.Channel{channel}
	if channel == "" {
		channels = answer.Channels
	} else if !slices.Contains(answer.Channels, channel) {
		return fmt.Errorf("%w：%q，应为 page、api、desk、compat 或 wechat", errChannel, channel)
	}
	value, err := json.Marshal(switchState{on})
	if err != nil {
		return err
	}
	s.turn.Lock()
	defer s.turn.Unlock()
	var errs []error
	for _, ch := range channels {
		if !on {
			s.set(channelState{ch, false})
		}
		err := s.store.PutDoc(ctx, actor, docSwitch, string(ch), func([]byte) ([]byte, error) { return value, nil })
		if err == nil && on {
			s.set(channelState{ch, true})
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Status reads how the switches are.
func (s *modelSwitch) Status() (modelStatus, error) {
	list, err := s.states()
	status := modelStatus{Configured: s.model != nil, Channels: list}
	if s.model != nil {
		mark := s.model.Mark()
		status.Mark = &mark
		for i, c := range list {
			list[i].On = s.model.On(c.Channel) // which counts, should the disk lag behind
		}
	}
	return status, err
}

// modelJob is a turn of a switch on the control socket.
type modelJob struct {
	Actor   string         `json:"actor"`
	Channel answer.Channel `json:"channel"` // "" is all
	On      *bool          `json:"on"`      // nil only asks
}

// do turns and tells how the switches are then.
func (s *modelSwitch) do(ctx context.Context, job modelJob) (modelStatus, error) {
	if job.On != nil {
		if err := s.Switch(ctx, job.Actor, job.Channel, *job.On); err != nil {
			return modelStatus{}, err
		}
	}
	return s.Status()
}

// switchModel turns the switches for another command.
func (ctl *control) switchModel(w http.ResponseWriter, r *http.Request) {
	var job modelJob
	if err := json.NewDecoder(r.Body).Decode(&job); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	status, err := ctl.app.model.do(r.Context(), job)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(status); err != nil {
		ctl.app.log.Error("control: switches not sent", "err", err)
	}
}

// modelOn, modelOff and modelShow are the commands.
func modelOn(ctx context.Context, c *call) error   { on := true; return runModel(ctx, c, &on) }
func modelOff(ctx context.Context, c *call) error  { on := false; return runModel(ctx, c, &on) }
func modelShow(ctx context.Context, c *call) error { return runModel(ctx, c, nil) }

// runModel turns the switches of the server that has the folder, or of the
// folder itself for the next start.
func runModel(ctx context.Context, c *call, on *bool) error {
	if len(c.args) > 1 || on == nil && len(c.args) > 0 {
		return errUsage
	}
	job := modelJob{Actor: store.ByCommand, On: on}
	if len(c.args) == 1 {
		job.Channel = answer.Channel(c.args[0])
	}
	var status modelStatus
	served, err := viaControl(ctx, c.data, "/model", job, &status)
	if err == nil && !served {
		var s *store.Store
		if s, err = openStore(c.data, logTo(c.err)); err != nil {
			return err
		}
		status, err = (&modelSwitch{store: s}).do(ctx, job)
		err = errors.Join(err, s.Close())
	}
	if err != nil {
		return err
	}
	if c.values.json {
		return printJSON(c.out, status)
	}
	switch {
	case status.Mark != nil:
		fmt.Fprintf(c.out, "模型：%s  备案号：%s\n", status.Mark.Model, status.Mark.Filing)
	case served:
		fmt.Fprintln(c.out, "运行中的服务没有配置语言模型")
	default:
		fmt.Fprintln(c.out, "服务没有运行；下面的开关在下次启动时生效")
	}
	for _, ch := range status.Channels {
		state := "关"
		if ch.On {
			state = "开"
		}
		fmt.Fprintf(c.out, "  %-8s %s\n", ch.Channel, state)
	}
	return nil
}
