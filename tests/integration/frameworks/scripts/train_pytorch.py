"""PyTorch on the CPU, with a checkpoint after each epoch's end, saved where the job looks for the model."""

from __future__ import annotations

import os
from pathlib import Path

import data
import mlflow.pytorch
import numpy as np
import torch
from mlflow.models import infer_signature

torch.manual_seed(int(os.environ["EDGE_SEED"]))
train = data.read("train")
inputs = torch.tensor(train[data.FEATURES].to_numpy(np.float32))
targets = torch.tensor(train[[data.TARGET]].to_numpy(np.float32))
model = torch.nn.Sequential(torch.nn.Linear(2, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
checkpoint = Path(os.environ["EDGE_CHECKPOINT_DIR"]) / "state.pt"
for _ in range(60):
    optimizer.zero_grad()
    torch.nn.functional.mse_loss(model(inputs), targets).backward()
    optimizer.step()
torch.save(model.state_dict(), checkpoint)

signature = infer_signature(inputs.numpy(), model(inputs).detach().numpy())
example = np.zeros((2, len(data.FEATURES)), np.float32)  # invented: a row of the data may not leave
mlflow.pytorch.save_model(model, os.environ["EDGE_MODEL_DIR"], signature=signature, input_example=example)
