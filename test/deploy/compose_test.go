package deploy

import (
	"context"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

func compose(environment types.Mapping) (*types.Project, error) {
	details, err := loader.LoadConfigFiles(context.Background(), []string{"../../deploy/compose.yaml"}, "../../deploy")
	if err != nil {
		return nil, err
	}
	details.Environment = environment
	return loader.LoadWithContext(context.Background(), *details)
}

// TestComposeTakesTheFile: it is checked against the schema of the Compose Specification.
func TestComposeTakesTheFile(t *testing.T) {
	project, err := compose(types.Mapping{"USHER_VERSION": "1.2.3", "USHER_TRUSTED_PROXY": "10.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	usher, err := project.GetService("usher")
	if err != nil {
		t.Fatal(err)
	}
	if usher.Image != "usher:1.2.3" || !usher.ReadOnly || len(usher.Ports) != 1 || usher.Ports[0].HostIP != "127.0.0.1" {
		t.Errorf("the service is %+v", usher)
	}
	if proxy := usher.Environment["USHER_TRUSTED_PROXY"]; proxy == nil || *proxy != "10.0.0.1" {
		t.Errorf("its environment is %v", usher.Environment)
	}
	if _, ok := project.Volumes["data"]; !ok {
		t.Error("the rooms are in no volume")
	}
}

func TestComposeAsksForTheVersion(t *testing.T) {
	if _, err := compose(types.Mapping{}); err == nil || !strings.Contains(err.Error(), "version") {
		t.Errorf("without a version: %v", err)
	}
}
