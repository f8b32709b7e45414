// Package tracing makes spans of what a server does and sends them to a collector by OTLP, as
// protobuf over HTTP. Without a collector there is no Tracer, and all of its methods do nothing.
//
// The spans are OpenTelemetry's: its SDK samples, queues and batches them, and reads its own
// settings from the environment. Sending is done here (export.go), because the SDK's exporter
// brings gRPC into the binary even if it speaks HTTP.
//
// What identifies a person or a room is in no span: no address, name, user id, room id, token or
// query. The client may say by traceparent which trace it is part of, and nothing else.
package tracing
