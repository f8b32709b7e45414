package main

import (
	"os"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
	"github.com/CycloneDX/cyclonedx-gomod/pkg/generate/bin"
	"github.com/rs/zerolog"
)

// writeBill writes the bill of materials of a program: all modules that are linked into it, as the
// go command has recorded them, with their sums. It has no serial number, because that would differ
// each time.
func writeBill(path string, b *build) error {
	generator, err := bin.NewGenerator(b.path,
		bin.WithIncludeStdlib(true), bin.WithVersionOverride("v"+b.version), bin.WithLogger(zerolog.Nop()))
	if err != nil {
		return err
	}
	bill, err := generator.Generate()
	if err != nil {
		return err
	}
	bill.Metadata.Timestamp = b.time.UTC().Format("2006-01-02T15:04:05Z")
	bill.Metadata.Component.Licenses = &cyclonedx.Licenses{{License: &cyclonedx.License{ID: "Apache-2.0"}}}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	err = cyclonedx.NewBOMEncoder(file, cyclonedx.BOMFileFormatJSON).SetPretty(true).Encode(bill)
	if failed := file.Close(); err == nil {
		err = failed
	}
	return err
}
