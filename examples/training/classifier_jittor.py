"""The port of classifier_torch.py to Jittor."""

import argparse

import jittor as jt
import numpy as np
from jittor import nn
from jittor.dataset import Dataset


class Patterns(Dataset):
    """Small images of ten classes, made by NumPy."""

    def __init__(self):
        super().__init__()
        self.set_attrs(total_len=256, batch_size=16)

    def __getitem__(self, index):
        generator = np.random.default_rng(index)
        label = index % 10
        image = generator.standard_normal((1, 8, 8)).astype(np.float32)
        image[0, label % 8] += 2
        return image, label


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.bn2 = nn.BatchNorm2d(16)
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(16, 10)

    def execute(self, x):
        x = nn.relu(self.bn1(self.conv1(x)))
        x = nn.relu(self.bn2(self.conv2(x)))
        return self.head(self.drop(x.mean(3).mean(2)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--accumulate", type=int, default=2)
    options = parser.parse_args()
    jt.set_global_seed(0)
    model = Net()
    head = list(model.head.parameters())
    body = [p for name, p in model.named_parameters() if not name.startswith("head")]
    optimizer = jt.optim.SGD(
        [{"params": body}, {"params": head, "lr": 0.2}],
        lr=0.05,
        momentum=0.9,
        weight_decay=5e-4,
    )
    scheduler = jt.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    loader = Patterns()
    model.train()
    for epoch in range(options.epochs):
        for index, (image, label) in enumerate(loader):
            image = image + 0.05 * jt.randn_like(image)
            loss = nn.cross_entropy_loss(model(image), label) / options.accumulate
            optimizer.backward(loss)
            if (index + 1) % options.accumulate == 0:
                optimizer.clip_grad_norm(0.1)
                optimizer.step()
                scheduler.step()
        print(f"epoch {epoch} loss {loss.item() * options.accumulate:.4f}")


if __name__ == "__main__":
    main()
