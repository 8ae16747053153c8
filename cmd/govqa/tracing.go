package main

import (
	"context"
	"fmt"
	"log/slog"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// newTracing sends spans where the standard variables of OpenTelemetry say; nil
// if they name no place. The SDK itself reads the rest of them: headers,
// certificates, sampling, the service's name. flush sends what is left, and
// ends; a collector that is not there is no fault of ours.
func newTracing(ctx context.Context, lookup func(string) (string, bool), log *slog.Logger) (_ trace.TracerProvider, flush func(context.Context), err error) {
	off := func(context.Context) {}
	set := func(name string) string { value, _ := lookup(name); return value }
	switch {
	case set("OTEL_SDK_DISABLED") == "true", set("OTEL_TRACES_EXPORTER") == "none":
		return nil, off, nil
	case set("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "":
		return nil, off, nil
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"} {
		if p := set(name); p != "" && p != "http/protobuf" {
			return nil, off, fmt.Errorf("%w：环境变量 %s：只支持 http/protobuf，不支持 %q", errConfig, name, p)
		}
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces", "err", err) }))
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, off, fmt.Errorf("%w：OTEL_EXPORTER_OTLP_ENDPOINT：%w", errConfig, err)
	}
	about, err := resource.New(ctx, resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", "govqa"), attribute.String("service.version", version())), resource.WithFromEnv())
	if err != nil {
		return nil, off, fmt.Errorf("%w：OTEL_RESOURCE_ATTRIBUTES：%w", errConfig, err)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	return provider, func(ctx context.Context) {
		if err := provider.Shutdown(ctx); err != nil {
			log.Warn("traces not sent", "err", err)
		}
	}, nil
}
