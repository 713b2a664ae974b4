"""``python -m lacbed_gan.evaluate``: see `lacbed_gan.commands.evaluate`."""

from lacbed_gan.commands.evaluate import main

if __name__ == "__main__":
    main()
